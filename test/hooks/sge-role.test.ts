import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, test } from 'node:test'
import type { SchedulerConfig } from '../../src/config/controller-schema.ts'
import { sgeRole } from '../../src/hooks/schedulers/sge/role.ts'

describe('what makes a machine an execution host', () => {
  let root: string
  let config: SchedulerConfig<'sge'>

  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'causeway-cell-'))
    await mkdir(join(root, 'blue/common'), { recursive: true })
    config = {
      kind: 'sge',
      root,
      cell: 'blue',
      port: 7001,
      execdPort: 7002,
      queue: 'all.q',
      hostGroup: '@elastic',
      parallel: [],
      explain: true,
    }
    await common('bootstrap', 'admin_user sgeadmin\nsecurity_mode           none\n')
    await common('act_qmaster', 'master.example\n')
  })
  afterEach(() => rm(root, { recursive: true }))

  const common = (name: string, content: string) => writeFile(join(root, 'blue/common', name), content)

  test('the ports, the cell and its files', async () => {
    await common('host_aliases', 'head master.example\n')
    await common('accounting', 'nobody needs this')
    const role = await sgeRole(config)
    assert.deepEqual(role.env, {
      SGE_ROOT: root,
      SGE_CELL: 'blue',
      SGE_QMASTER_PORT: '7001',
      SGE_EXECD_PORT: '7002',
    })
    assert.deepEqual(
      role.files.map(({ path, mode, content }) => [path, mode, path === 'install' ? '' : content]),
      [
        ['install', 0o755, ''],
        ['sge-common.bootstrap', 0o644, 'admin_user sgeadmin\nsecurity_mode           none\n'],
        ['sge-common.act_qmaster', 0o644, 'master.example\n'],
        ['sge-common.host_aliases', 0o644, 'head master.example\n'],
      ],
    )
    assert.match(role.program, /^#!\/bin\/bash\n/)
    assert.doesNotMatch(role.program, /^[^#]*SGE_ND/m)
  })

  test('a cell that is not there is a mistake in the configuration', async () => {
    const refusal = { code: 'InvalidConfig', message: /scheduler\.root.*green\/common\/bootstrap/ }
    await assert.rejects(sgeRole({ ...config, cell: 'green' }), refusal)
  })

  test('a file that is there but cannot be read is not left out', async () => {
    await mkdir(join(root, 'blue/common/sge_request'))
    await assert.rejects(sgeRole(config), { code: 'InvalidConfig', message: /sge_request/ })
  })

  test('a cell whose master is not named, or that wants certificates, is refused', async () => {
    await common('act_qmaster', '\n')
    await assert.rejects(sgeRole(config), { code: 'InvalidConfig', message: /act_qmaster is empty/ })
    await common('act_qmaster', 'master.example\n')
    await common('bootstrap', 'security_mode           csp\n')
    await assert.rejects(sgeRole(config), { code: 'InvalidConfig', message: /security_mode csp/ })
  })
})
