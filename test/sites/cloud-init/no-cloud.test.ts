import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import * as fc from 'fast-check'
import { parse } from 'yaml'
import { compactUserData, renderNoCloud } from '../../../src/sites/cloud-init/no-cloud.ts'
import type { MachineSpec } from '../../../src/sites/driver.ts'
import { machineSpec } from '../../support/machine-spec.ts'

const spec = machineSpec('abc', {
  seed: [
    { path: 'env', mode: 0o644, content: "NODE_ID='abc'\n" },
    { path: 'token', mode: 0o600, content: 'one-time\n' },
    { path: 'parts/boot', mode: 0o755, content: '#!/bin/sh\n\techo "é: # - x"\n' },
  ],
})

const withMore: MachineSpec = {
  ...spec,
  nic: {
    ...spec.nic,
    ipv6: { address: 'fd77::a4d:101/64', router: 'fd77::a4d:1fe' },
    resolver: { server: '10.77.1.254', zone: 'lab.internal' },
  },
}

/** Compares with a file beside this one; `UPDATE_GOLDEN=1` writes it. */
function golden(name: string, text: string): void {
  const file = new URL(`golden/${name}`, import.meta.url)
  if (process.env['UPDATE_GOLDEN']) writeFileSync(file, text)
  assert.equal(text, readFileSync(file, 'utf8'))
}

test('the texts of a machine', () => {
  const texts = renderNoCloud(spec)
  golden('meta-data', texts.metaData)
  golden('user-data', texts.userData)
  golden('network-config', texts.networkConfig)
  golden('network-config-dual', renderNoCloud(withMore).networkConfig)
})

interface UserData {
  readonly bootcmd: readonly [readonly [string, string, string]]
  readonly write_files: readonly {
    readonly path: string
    readonly permissions: string
    readonly owner: string
    readonly encoding?: string
    readonly content: string
  }[]
}

function filesOf(text: string): object[] {
  assert.ok(text.startsWith('#cloud-config\n'))
  return (parse(text) as UserData).write_files.map(({ path, permissions, owner, encoding, content }) => ({
    path,
    permissions,
    owner,
    content: encoding === 'b64' ? Buffer.from(content, 'base64').toString() : content,
  }))
}

test('any file arrives as it is, with its mode, in both forms', () => {
  const text = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.string({
      unit: fc.constantFrom('\n', '\r', '\t', ' ', '#', ':', '-', "'", '"', '\\', '\u0085', '\uFEFF', 'x', '\0'),
    }),
  )
  fc.assert(
    fc.property(fc.array(fc.tuple(text, fc.constantFrom(0o600, 0o755))), (files) => {
      const seed = files.map(([content, mode], k) => ({ path: `file-${k}`, mode, content }))
      const expected = files.map(([content, mode], k) => ({
        path: `/var/lib/causeway/seed/file-${k}`,
        permissions: `0${mode.toString(8)}`,
        owner: 'root:root',
        content,
      }))
      assert.deepEqual(filesOf(renderNoCloud({ ...spec, seed }).userData), expected)
      assert.deepEqual(filesOf(gunzipSync(compactUserData({ ...spec, seed })).toString()), expected)
    }),
    { numRuns: 200, examples: [[[[' \n', 0o600]]]] },
  )
})

test('a path that leaves the folder is refused', () => {
  for (const path of ['../x', 'a/../../x', '/etc/passwd', '', 'a//b', './a']) {
    const seed = [{ path, mode: 0o644, content: '' }]
    assert.throws(() => renderNoCloud({ ...spec, seed }), { code: 'InvalidRequest' })
  }
})

test('the command that starts the node is one that a shell can read', () => {
  const [[program, option, text]] = (parse(renderNoCloud(spec).userData) as UserData).bootcmd
  assert.deepEqual([program, option], ['sh', '-c'])
  execFileSync('sh', ['-n'], { input: text })
})

test('the programs and names of a node of Slurm fit EC2, where 16 KiB are the limit', () => {
  const program = (name: string) => readFileSync(new URL(`../../../scripts/${name}`, import.meta.url), 'utf8')
  const hosts = Array.from({ length: 200 }, (_, k) => `10.77.1.${k} east-${k}\n`).join('')
  const seed = ['node/boot', 'node/join', 'node/install', 'slurm/role'].map((path) => ({
    path,
    mode: 0o755,
    content: program(path),
  }))
  const bytes = compactUserData({ ...spec, seed: [...seed, { path: 'hosts', mode: 0o644, content: hosts }] }).length
  assert.ok(bytes < 16_384, `${bytes} bytes`)
})
