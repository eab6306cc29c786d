#!/bin/sh
# Turns a freshly made root file system into the lab's node image.
# usage: customize.sh ROOT KEY
set -eu
root=$1 key=$2

install -D -m 0644 "$key" "$root/usr/share/keyrings/lab-mirror.gpg"
rm -rf "$root"/etc/apt/sources.list.d/* "$root"/var/lib/apt/lists/* "$root"/var/cache/apt/archives/*.deb
echo 'deb [signed-by=/usr/share/keyrings/lab-mirror.gpg] http://mirror.lab/debian bookworm main' >"$root/etc/apt/sources.list"
rm -f "$root"/etc/apt/apt.conf.d/*mmdebstrap*
cat >"$root/etc/apt/apt.conf.d/90lab" <<'END'
Acquire::Languages "none";
Acquire::Retries "3";
APT::Install-Recommends "false";
APT::Get::Assume-Yes "true";
Dpkg::Use-Pty "false";
END
# Daemons are started by the node's boot script, never by a package's installation.
printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
chmod 0755 "$root/usr/sbin/policy-rc.d"
echo 'debconf debconf/frontend select Noninteractive' | chroot "$root" debconf-set-selections

echo 'alice:x:2001:' >>"$root/etc/group"
echo 'alice:x:2001:2001::/home/alice:/bin/bash' >>"$root/etc/passwd"
echo 'alice:*:19000:0:99999:7:::' >>"$root/etc/shadow"
mkdir -p "$root/home" "$root/var/lib/causeway"
: >"$root/etc/resolv.conf"
: >"$root/etc/machine-id"
