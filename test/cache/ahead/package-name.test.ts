import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { packageNameOf } from '../../../src/cache/ahead/package-name.ts'

describe('which package a file is, whatever its version', () => {
  for (const [path, name, architecture] of [
    ['/debian/pool/main/s/slurm-wlm/slurmd_22.05.8-4+deb12u3_amd64.deb', 'slurmd', 'amd64'],
    ['/debian/pool/main/g/gcc-12/libstdc++6_12.2.0-14_amd64.deb', 'libstdc++6', 'amd64'],
    ['/rocky/9/Packages/b/bash-completion-2.11-5.el9.noarch.rpm', 'bash-completion', 'noarch'],
    ['/rocky/9/Packages/g/glibc-2.34-100.el9.x86_64.rpm', 'glibc', 'x86_64'],
    ['/alpine/v3.20/main/x86_64/busybox-extras-1.36.1-r29.apk', 'busybox-extras', undefined],
    ['/archlinux/core/os/x86_64/linux-api-headers-6.7-1-x86_64.pkg.tar.zst', 'linux-api-headers', 'x86_64'],
  ] as const) {
    test(path, () => assert.deepEqual(packageNameOf(path), { name, architecture }))
  }

  test('indexes and all else are none', () => {
    for (const path of [
      '/debian/dists/bookworm/InRelease',
      '/x.deb',
      '/a/',
      '/noversion.rpm',
      '/simple/numpy/numpy-1.26.tar.gz',
    ]) {
      assert.equal(packageNameOf(path), undefined, path)
    }
  })
})
