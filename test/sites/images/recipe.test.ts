import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readImageReference } from '../../../src/sites/images/image-name.ts'
import { builderInput, packagesOfRole, readPackageList } from '../../../src/sites/images/recipe.ts'

test('a golden image gets what the role installs', async () => {
  assert.ok((await packagesOfRole('slurm')).includes('slurmd'))
  assert.ok((await packagesOfRole('sge')).includes('gridengine-exec'))
  await assert.rejects(packagesOfRole('torque'), { code: 'InvalidRequest', message: /--packages/ })
})

test('a list of packages may have lines, commas and comments', () => {
  assert.deepEqual(readPackageList('slurmd, munge\n# editors\nvim nano # small\n\n'), [
    'slurmd',
    'munge',
    'vim',
    'nano',
  ])
})

test('what a recipe leaves open the builder decides', () => {
  const recipe = {
    family: 'debian',
    release: 'bookworm',
    packages: ['munge'],
    kernel: null,
    sizeMiB: 2048,
    firmware: ['bios'],
    sources: [],
    customize: [],
  } as const
  const { family: _family, kernel: _kernel, sources: _sources, ...rest } = recipe
  assert.deepEqual(JSON.parse(builderInput(recipe)), rest)
  const kernel = 'linux-image-amd64'
  assert.deepEqual(JSON.parse(builderInput({ ...recipe, kernel })), { ...rest, kernel })
})

test('an image is a path, a digest or a name', () => {
  const digest = 'b'.repeat(64)
  assert.deepEqual(readImageReference('/a/b.qcow2'), { kind: 'path', path: '/a/b.qcow2' })
  assert.deepEqual(readImageReference(`sha256:${digest}`), { kind: 'digest', digest })
  assert.deepEqual(readImageReference('slurm-golden.1'), { kind: 'name', name: 'slurm-golden.1' })
  for (const wrong of ['', '../x', 'A', 'a b', '.hidden']) {
    assert.throws(() => readImageReference(wrong), { code: 'InvalidRequest' }, wrong)
  }
})
