# shellcheck shell=bash
# What a newcomer's machine needs before the lab, the demo and the tests can run. Sourced; call `setup`. Everything is
# kept ($CAUSEWAY_CACHE, node_modules), so that a second run only looks, and needs no network. Messages go to stderr.

repository=$(dirname "$(dirname "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")")")
cache=${CAUSEWAY_CACHE:-/var/cache/causeway}
node_wanted=24

debian_packages=(
  # the schedulers' side of the cluster
  slurmctld slurmd slurm-client slurm-wlm-basic-plugins slurm-wlm-jwt-plugin slurmrestd munge
  gridengine-master gridengine-exec gridengine-client msmtp-mta
  # the lab's sites and mirror
  openssh-server openssh-client nginx-light nftables iproute2 procps
  # what gateways run beside the kernel's overlay: tunnels, DHCP and DNS, BGP
  wireguard-go wireguard-tools dnsmasq-base frr fping
  # hypervisor hosts, their machines and the machines' disks
  libvirt-daemon libvirt-daemon-driver-qemu libvirt-clients qemu-system-x86 qemu-utils ovmf xorriso
  # making the node image, the repository and the WAN cable
  mmdebstrap debian-archive-keyring apt-utils dpkg-dev gnupg xz-utils gcc libc6-dev
  # making images of virtual machines
  mtools fdisk e2fsprogs grub-common grub-pc-bin grub-efi-amd64-bin
  # the package cache's clients and their repositories
  dnf rpm createrepo-c python3-pip pacman-package-manager gpgv bzip2 zstd openssl
  # what scripts and tests call
  curl jq iputils-ping iputils-arping tcpdump udhcpc dnsutils iperf3 ca-certificates systemd
)

# Without a network npm is to say so soon, not after minutes of trying again.
npm_options=(--no-audit --no-fund --no-update-notifier --prefer-offline
  --fetch-retries=2 --fetch-retry-mintimeout=1000 --fetch-retry-maxtimeout=5000)

say() { echo "$*" >&2; }

fail() {
  say "$*"
  exit 1
}

# Runs a step that takes a while, silently; if it fails, shows how it ended and says the sentence.
# usage: step SENTENCE COMMAND...
step() {
  local sentence=$1 log=$cache/setup.log
  shift
  if ! "$@" >"$log" 2>&1 </dev/null; then
    tail -n 15 "$log" | sed 's/^/  | /' >&2
    fail "$sentence (The whole output is in $log.)"
  fi
}

setup() {
  check_machine
  mkdir -p "$cache"
  exec 8>"$cache/setup.lock"
  flock 8
  bring_debian_packages
  bring_node
  bring_node_modules
  bring_lab_assets
  exec 8>&-
}

check_machine() {
  [ "$(id -u)" = 0 ] || fail "Causeway's lab makes network namespaces and mounts: please run this as root."
  command -v apt-get >/dev/null || fail "There is no apt-get here: Causeway's lab runs on Debian 12."
  local why
  why=$(unshare --net --mount --uts --ipc --pid --fork mount -t tmpfs none /mnt 2>&1) ||
    fail "No network and mount namespaces can be made here ($why): use a machine, a VM or a privileged container."
  grep -qw overlay /proc/filesystems || modprobe overlay 2>/dev/null ||
    fail "This kernel has no overlayfs, which the lab's hosts and machines are made of: use Debian's own kernel."
  [ -c /dev/net/tun ] || modprobe tun 2>/dev/null ||
    fail "There is no /dev/net/tun, which the lab's WAN cables are made of: load the module tun or pass the device in."
}

bring_debian_packages() {
  local missing=() package
  for package in "${debian_packages[@]}"; do
    [ "$(dpkg-query --show --showformat '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] ||
      missing+=("$package")
  done
  # npm comes with nearly every Node but Debian's; without it there is no way to bring a newer Node.
  command -v npm >/dev/null || missing+=(nodejs npm)
  [ ${#missing[@]} -gt 0 ] || return 0
  say "Installing Debian packages: ${missing[*]}"
  forbid_daemons
  step "apt-get update failed: Debian's package servers must be reachable for the first run." apt-get update
  step "apt-get could not install what is missing: see why above, mend it and run this again." \
    env DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends \
    -o DPkg::Lock::Timeout=300 "${missing[@]}"
  allow_daemons
}

# Packages start their daemons when they are installed, unless this says no. None is wanted outside the lab.
policy=/usr/sbin/policy-rc.d
policy_mark='# by causeway setup, for as long as it installs packages'
forbid_daemons() {
  trap allow_daemons EXIT
  [ ! -e $policy ] || grep -qxF "$policy_mark" $policy || mv $policy $policy.causeway
  printf '#!/bin/sh\n%s\nexit 101\n' "$policy_mark" >$policy
  chmod 0755 $policy
}
allow_daemons() {
  ! grep -qxF "$policy_mark" $policy 2>/dev/null || rm -f $policy
  [ ! -e $policy.causeway ] || mv $policy.causeway $policy
  trap - EXIT
}

major() { "$1" --version 2>/dev/null | sed 's/^v//; s/[.].*//'; }

# Leaves PATH so that `node` is new enough.
bring_node() {
  local own=$cache/node$node_wanted system
  system=$(major node || true)
  if [ "${system:-0}" -lt $node_wanted ]; then
    if [ "$(major "$own/node_modules/node/bin/node")" != $node_wanted ]; then
      say "Bringing Node $node_wanted (the system's is ${system:-missing})"
      mkdir -p "$own"
      # npm 11 runs install scripts only of the packages named here; npm 10 runs them all and skips the field.
      cat >"$own/package.json" <<END
{"name":"causeway-node","private":true,"version":"1.0.0","allowScripts":{"node":true},"dependencies":{"node":"^$node_wanted"}}
END
      rm -rf "$own/node_modules" "$own/package-lock.json"
      step "npm could not bring Node $node_wanted: the npm registry must be reachable for the first run." \
        npm install --prefix "$own" "${npm_options[@]}"
    fi
    PATH=$own/node_modules/node/bin:$PATH
    export PATH
  fi
}

bring_node_modules() {
  local stamp=$repository/node_modules/.causeway-stamp wanted
  wanted=$(sha256sum <"$repository/package-lock.json")
  [ "$(cat "$stamp" 2>/dev/null)" != "$wanted" ] || return 0
  say "Installing npm modules"
  # Not `npm ci`: that wants the optional packages of all other platforms in the lock file too, also those that a registry
  # does not have. This installs the locked versions just as well and writes nothing but node_modules.
  step "npm could not install the modules: the npm registry must be reachable when package-lock.json has changed." \
    npm install --no-save --prefix "$repository" "${npm_options[@]}"
  echo "$wanted" >"$stamp"
}

bring_lab_assets() {
  "$repository/lab/wandelay/build" >/dev/null || fail "The WAN cable could not be compiled: see why above."
  "$repository/lab/image/build" >/dev/null || exit 1 # it has said why
  "$repository/lab/vm/light/build" >/dev/null || exit 1
  "$repository/lab/vm/stock/build" >/dev/null || exit 1
}
