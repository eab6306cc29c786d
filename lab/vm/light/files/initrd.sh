#!/bin/bash
# Makes an initial RAM disk on standard output, uncompressed: unpacking costs a guest without KVM more than loading.
# usage: initrd.sh BOOT VERSION INIT WORK
#   BOOT     the files of a kernel's package and of busybox-static
#   VERSION  the kernel's
#   INIT     its /init
#   WORK     an empty folder
set -euo pipefail
boot=$1 version=$2 init=$3 work=$4
busybox=$boot/bin/busybox
source=$boot/lib/modules/$version/kernel

# In the order that they need each other: the disk, the plug, the seed as a disk or a CD, random numbers, the power button.
modules=(
  drivers/virtio/{virtio_ring,virtio,virtio_pci_modern_dev,virtio_pci_legacy_dev,virtio_pci} drivers/block/virtio_blk
  net/core/failover drivers/net/{net_failover,virtio_net}
  drivers/cdrom/cdrom fs/isofs/isofs drivers/scsi/{scsi_common,scsi_mod,virtio_scsi,sr_mod}
  drivers/char/hw_random/virtio-rng drivers/acpi/button drivers/input/evdev
)
mkdir -p "$work"/{bin,dev,proc,sys,root,modules}
cp "$busybox" "$work/bin/busybox"
for applet in sh mount insmod switch_root sleep; do ln -s busybox "$work/bin/$applet"; done
number=10
for module in "${modules[@]}"; do
  cp "$source/$module.ko" "$work/modules/$number-$(basename "$module").ko"
  number=$((number + 1))
done
install -m 0755 "$init" "$work/init"
cd "$work"
find . | sort | "$busybox" cpio -o -H newc -R 0:0
