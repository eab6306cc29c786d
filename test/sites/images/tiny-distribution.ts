import { chmod, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { lightImage, lightImageFolder } from '../../../lab/assets.ts'
import { runChecked } from '../../cache/clients/run.ts'

/** Of the kernel's package; not what the kernel calls itself. */
export const kernelVersion = '6.1.0-1.tiny.x86_64'

/** What `/sbin/init` writes to the console, after what the package's script wrote as it was installed. */
export const greeting = 'tiny is up'

const spec = `Name: tiny
Version: 1
Release: 1
Summary: A shell and what the kernel starts
License: none
AutoReqProv: no
%description
%{summary}.
%package -n kernel-core
Summary: A kernel, and what makes its initramfs
AutoReqProv: no
%description -n kernel-core
A kernel.
%install
cp -a %{_sourcedir}/tiny/. %{buildroot}/
%post
for applet in cat cp echo ls mount poweroff sleep wc; do ln -s busybox /bin/$applet; done
/bin/ls -l /proc/self/exe /dev/null >/dev/null && echo 'its script ran' >/etc/tiny
%files
%dir /etc
/bin/busybox
/bin/sh
/sbin/init
/etc/selinux/config
%files -n kernel-core
/lib/modules/${kernelVersion}/vmlinuz
/bin/dracut
/usr/share/tiny
`

const init = `#!/bin/sh
while read -r device folder rest; do [ "$folder" != / ] || echo "${greeting}, $(cat /etc/tiny), $device"; done </proc/mounts
sleep 1
poweroff -f
`

/** What the boot loader says is where the root is: the light image's own RAM disk knows a bare disk only. */
const ramdiskInit = `#!/bin/sh
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
for module in /modules/*.ko; do insmod "$module"; done
for word in $(busybox cat /proc/cmdline); do case $word in root=*) root=\${word#root=} ;; esac; done
until device=$(busybox findfs "$root"); do sleep 0.1; done
mount -t ext4 -o ro "$device" /root
for folder in dev sys proc; do mount --move /$folder /root/$folder; done
exec switch_root /root /sbin/init
`

/** Dracut's place in the tiny distribution: the last word but none is the file, and --kver the kernel. */
const dracut = `#!/bin/sh
while [ $# -gt 1 ]; do [ "$1" != --kver ] || version=$2; shift; done
[ -e "/lib/modules/$version/vmlinuz" ] && cp /usr/share/tiny/ramdisk "$1"
`

/**
 * A repository of the smallest RPM distribution that boots: busybox as shell, the lab's kernel in a package as Fedora has it,
 * beside its modules. Packages are signed.
 */
export interface TinyDistribution {
  /** The repository. */
  readonly url: string
  /** A file with the key that the packages are signed with. */
  readonly key: string
}

/** Makes it below a folder, in a few seconds. */
export async function makeTinyDistribution(folder: string): Promise<TinyDistribution> {
  const light = await lightImageFolder()
  const ramdisk = await readFile(join(light, lightImage.initrd))
  const files: readonly [string, string | Buffer, number][] = [
    ['bin/busybox', archived(ramdisk, 'bin/busybox'), 0o755],
    ['bin/sh', '#!/bin/busybox sh\n', 0o755],
    ['bin/dracut', dracut, 0o755],
    ['sbin/init', init, 0o755],
    ['etc/selinux/config', 'SELINUX=enforcing\nSELINUXTYPE=targeted\n', 0o644],
    [`lib/modules/${kernelVersion}/vmlinuz`, await readFile(join(light, lightImage.kernel)), 0o644],
    // The kernel unpacks one archive after the other.
    ['usr/share/tiny/ramdisk', Buffer.concat([ramdisk, archive('init', ramdiskInit)]), 0o644],
  ]
  const tree = join(folder, 'tiny')
  for (const [path, content, mode] of files) {
    const file = join(tree, path)
    await mkdir(join(file, '..'), { recursive: true })
    await writeFile(file, content)
    await chmod(file, mode)
  }
  await rm(join(tree, 'bin/sh'))
  await runChecked(['ln', '-s', 'busybox', join(tree, 'bin/sh')])
  const specFile = join(folder, 'tiny.spec')
  await writeFile(specFile, spec)
  const repository = join(folder, 'repository')
  const defines = [
    `_topdir ${join(folder, 'top')}`,
    `_sourcedir ${folder}`,
    `_rpmdir ${repository}`,
    `_tmppath ${folder}`,
    '_build_id_links none',
    '__os_install_post %{nil}',
    '_binary_payload w1.gzdio',
  ].flatMap((one) => ['--define', one])
  await runChecked(['rpmbuild', '-bb', '--quiet', ...defines, specFile], { HOME: folder })
  const key = await sign(folder, join(repository, 'x86_64'))
  await runChecked(['createrepo_c', '--quiet', repository])
  return { url: `file://${repository}`, key }
}

/** Makes a key for a folder and writes the public half to a file beside it. */
export async function makeKey(home: string, name: string): Promise<string> {
  await mkdir(home, { mode: 0o700 })
  const gpg = ['gpg', '--homedir', home, '--batch', '--quiet']
  try {
    await runChecked([...gpg, '--passphrase', '', '--quick-generate-key', name, 'rsa2048', 'sign', 'never'])
    const file = join(home, 'public')
    await runChecked([...gpg, '--armor', '--output', file, '--export', name])
    return file
  } finally {
    await endAgent(home)
  }
}

async function sign(folder: string, packages: string): Promise<string> {
  const home = join(folder, 'signer')
  const key = await makeKey(home, 'tiny')
  try {
    const names = ['tiny', 'kernel-core'].map((name) => join(packages, `${name}-1-1.x86_64.rpm`))
    await runChecked(
      ['rpmsign', '--define', '_gpg_name tiny', '--define', '__gpg /usr/bin/gpg', '--addsign', ...names],
      { HOME: folder, GNUPGHOME: home },
    )
    return key
  } finally {
    await endAgent(home)
  }
}

/** gpg leaves its agent running. */
async function endAgent(home: string): Promise<void> {
  await runChecked(['gpgconf', '--homedir', home, '--kill', 'gpg-agent'])
}

const align = (length: number) => Math.ceil(length / 4) * 4

/** A file out of an archive of cpio's "newc" format. */
function archived(bytes: Buffer, name: string): Buffer {
  const field = (at: number, index: number) =>
    Number.parseInt(bytes.toString('latin1', at + 6 + index * 8, at + 14 + index * 8), 16)
  for (let at = 0; at + 110 < bytes.length; ) {
    const [size, nameSize] = [field(at, 6), field(at, 11)]
    const data = at + align(110 + nameSize)
    const found = bytes.toString('latin1', at + 110, at + 110 + nameSize - 1).replace(/^\.\//, '')
    if (found === name) return bytes.subarray(data, data + size)
    at = data + align(size)
  }
  throw new Error(`the archive has no ${name}`)
}

/** An archive of that format with one program. */
function archive(name: string, content: string): Buffer {
  const entry = (path: string, mode: number, text: string) => {
    const values = [1, mode, 0, 0, 1, 0, text.length, 0, 0, 0, 0, path.length + 1, 0]
    const head = `070701${values.map((value) => value.toString(16).padStart(8, '0')).join('')}${path}\0`
    return head.padEnd(align(head.length), '\0') + text.padEnd(align(text.length), '\0')
  }
  return Buffer.from(entry(name, 0o100755, content) + entry('TRAILER!!!', 0, ''), 'latin1')
}
