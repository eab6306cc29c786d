import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { test } from 'node:test'
import { promisify } from 'node:util'

test('what the cache loads leaves out what it has no use for', async () => {
  const script = `
    await import('./src/cli/cache.ts')
    const { Pool } = await import('./src/cache/upstream/pool.ts')
    const { createRequire } = await import('node:module')
    const require = createRequire(import.meta.url)
    const loaded = [...process.moduleLoadList, ...Object.keys(require.cache)]
    const needless = loaded.filter((name) => /internal\\/deps\\/undici|undici\\/index\\.js|ssh2/.test(name))
    console.log(JSON.stringify({ needless, same: require('undici').Pool === Pool }))
  `
  const argv = ['--input-type=module', '--eval', script]
  const { stdout } = await promisify(execFile)(process.execPath, argv, { cwd: `${import.meta.dirname}/../..` })
  assert.deepEqual(JSON.parse(stdout), { needless: [], same: true })
})
