import { toCausewayError } from '../../src/base/errors.ts'
import type { ExecOptions, ExecResult, Host } from '../../src/base/host.ts'
import { type Question, statusMeanings } from '../../src/sites/command/protocol.ts'
import type { Driver } from '../../src/sites/driver.ts'

/** A host whose only program speaks the protocol of driver programs, and passes what it is asked on to a driver. */
export class FakeDriverProgram implements Host {
  readonly name = 'head'
  readonly #driverOf: (cluster: string) => Driver

  constructor(driverOf: (cluster: string) => Driver) {
    this.#driverOf = driverOf
  }

  async exec(argv: readonly string[], { stdin = '' }: ExecOptions = {}): Promise<ExecResult> {
    try {
      const answer = await this.#answer(argv.at(-1) ?? '', JSON.parse(String(stdin)) as Question)
      return { code: 0, stdout: JSON.stringify(answer), stderr: '' }
    } catch (thrown) {
      const { code, message, facts } = toCausewayError(thrown)
      const status = statusMeanings.find((meaning) => meaning.code === code)?.status ?? 1
      return { code: status, stdout: JSON.stringify({ error: { message, ...facts } }), stderr: '' }
    }
  }

  close(): Promise<void> {
    return Promise.resolve()
  }

  async #answer(verb: string, { cluster, id = '', machine }: Question): Promise<object> {
    const driver = this.#driverOf(cluster)
    if (verb === 'create' && machine) return { machine: await driver.create(machine) }
    if (verb === 'console') return { console: await driver.console(id) }
    if (verb === 'capacity') return await driver.capacity()
    if (verb === 'list') {
      const { machines, unread } = await driver.list()
      return { machines, unread: unread.map(({ host, error }) => ({ host, message: error.message })) }
    }
    await driver.delete(id)
    return {}
  }
}
