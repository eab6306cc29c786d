#!/bin/bash
# PID 1 of a lab host, started by lab/host.ts in fresh mount, UTS, IPC and PID namespaces. It makes the file system this
# host's own, prints "ready PID" (the PID as seen from outside) and then only reaps orphans. Killing it is a power cut.
#
# usage: host-init.sh NAME FOLDER [SOURCE TARGET ro|rw]...
#   NAME    host name
#   FOLDER  upper layers and files of this host, on a file system that may hold overlayfs upper layers
set -eu
name=$1 folder=$2
shift 2
read -r outer _ </proc/self/stat # /proc is still the outer one here

hostname "$name"
# Sources may lie where this host will have something of its own: take hold of them all before anything is covered.
binds=0
while [ $# -gt 0 ]; do
  binds=$((binds + 1))
  mkdir -p "$folder/stage/$binds"
  mount --bind -o "$3" "$1" "$folder/stage/$binds"
  targets[binds]=$2
  shift 3
done

# What the host changes in these folders of the machine stays its own.
for top in etc opt var; do
  mkdir -p "$folder/$top" "$folder/scratch/$top"
  mount -t overlay overlay -o "lowerdir=/$top,upperdir=$folder/$top,workdir=$folder/scratch/$top" "/$top"
done
# Where machines live: their own overlays can't have their upper layer on an overlay, so this one is plain.
mkdir -p "$folder/causeway" /var/lib/causeway
mount --bind "$folder/causeway" /var/lib/causeway
for own in /home /root /tmp; do mount -t tmpfs -o mode=0755 tmpfs "$own"; done
chmod 0700 /root
chmod 1777 /tmp

for ((i = 1; i <= binds; i++)); do
  mkdir -p "${targets[i]}"
  mount --move "$folder/stage/$i" "${targets[i]}"
done

# Copies of mounts below /run (other labs, named network namespaces) would keep those alive after their end.
while read -r _ _ _ _ point _; do
  case $point in /run/*) umount -l "$point" 2>/dev/null || true ;; esac
done < <(tac /proc/self/mountinfo)
mount -t tmpfs -o mode=0755 tmpfs /run
mkdir -p /run/lock /run/sshd

mkdir /run/cgroup
mount --rbind /sys/fs/cgroup /run/cgroup
umount -l /sys
mount -t sysfs sysfs /sys # this network namespace's /sys/class/net
mount --move /run/cgroup /sys/fs/cgroup
mount -t proc proc /proc

echo "ready $outer"
exec >/dev/null
trap : TERM INT HUP
while :; do
  sleep infinity &
  wait $! || true
done
