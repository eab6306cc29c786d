#!/bin/sh
# Installs what makes a node of Slurm and of Grid Engine into a root file system, from the lab's repository. Called in a mount
# namespace of its own.
# usage: install.sh ROOT MIRROR
set -eu
root=$1 mirror=$2
mount --bind "$mirror" "$root/mnt"
mount -t proc proc "$root/proc"
mount -t tmpfs tmpfs "$root/tmp"
echo 'deb [signed-by=/usr/share/keyrings/lab-mirror.gpg] file:/mnt bookworm main' >"$root/tmp/sources.list"
apt() {
  chroot "$root" env DEBIAN_FRONTEND=noninteractive PATH=/usr/sbin:/usr/bin:/sbin:/bin apt-get --quiet=2 \
    -o Dir::Etc::SourceList=/tmp/sources.list -o APT::Sandbox::User=root "$@"
}
apt update
apt install slurmd slurm-client slurm-wlm-basic-plugins munge
apt install gridengine-exec gridengine-client msmtp-mta
rm -f "$root"/usr/lib/gcc/*/*/cc1 # an eighth of the image, which Grid Engine brings and no node calls
apt clean
rm -rf "$root"/var/lib/apt/lists/*
install -d -o 2001 -g 2001 -m 0755 "$root/home/alice" # no site shares a /home with virtual machines
