import assert from 'node:assert/strict'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import type { RequestListener } from 'node:http'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { crc32 } from 'node:zlib'
import { sha256 } from '../origin.ts'
import { scratchFolder, setUp } from '../start.ts'
import { type Ran, run } from './run.ts'
import { serveFolder } from './serve-folder.ts'

/** An archive of ZIP with files that are not packed: APPNOTE.TXT of PKWARE, sections 4.3.7, 4.3.12 and 4.3.16. */
function zipOf(files: Readonly<Record<string, string>>): Buffer {
  const parts: Buffer[] = []
  const entries: Buffer[] = []
  let at = 0
  for (const [name, text] of Object.entries(files)) {
    const body = Buffer.from(text)
    const common = Buffer.alloc(26)
    common.writeUInt16LE(20, 0)
    // The first of January 1980: the first date that it knows.
    common.writeUInt16LE(0x21, 8)
    common.writeUInt32LE(crc32(body), 10)
    common.writeUInt32LE(body.length, 14)
    common.writeUInt32LE(body.length, 18)
    common.writeUInt16LE(name.length, 22)
    parts.push(Buffer.from('PK\x03\x04', 'latin1'), common, Buffer.from(name), body)
    const rest = Buffer.alloc(14)
    rest.writeUInt32LE(at, 10)
    entries.push(Buffer.from('PK\x01\x02\x14\x00', 'latin1'), common, rest, Buffer.from(name))
    at += 30 + name.length + body.length
  }
  const list = Buffer.concat(entries)
  const end = Buffer.alloc(22)
  end.write('PK\x05\x06', 'latin1')
  end.writeUInt16LE(Object.keys(files).length, 8)
  end.writeUInt16LE(Object.keys(files).length, 10)
  end.writeUInt32LE(list.length, 12)
  end.writeUInt32LE(at, 16)
  return Buffer.concat([...parts, list, end])
}

/** An index of Python's as PEP 503 says, with projects `tool`, which needs `tool-data`, of as many versions as are published. */
class PythonIndex {
  readonly folder: string
  readonly #links = new Map<string, string[]>()

  constructor(folder: string) {
    this.folder = folder
  }

  async publish(version: number): Promise<void> {
    await this.#add('tool', version, `Requires-Dist: tool-data==${version}\n`)
    await this.#add('tool-data', version, '')
  }

  async #add(project: string, version: number, more: string): Promise<void> {
    const name = project.replace('-', '_')
    const info = `${name}-${version}.dist-info`
    const wheel = zipOf({
      [`${name}.py`]: `version = ${version}\n`,
      [`${info}/METADATA`]: `Metadata-Version: 2.1\nName: ${project}\nVersion: ${version}\n${more}`,
      [`${info}/WHEEL`]: 'Wheel-Version: 1.0\nGenerator: lab\nRoot-Is-Purelib: true\nTag: py3-none-any\n',
      [`${info}/RECORD`]: `${name}.py,,\n${info}/METADATA,,\n${info}/WHEEL,,\n${info}/RECORD,,\n`,
    })
    const file = `${name}-${version}-py3-none-any.whl`
    const digest = sha256(wheel)
    const place = `packages/${digest.slice(0, 2)}/${digest.slice(2, 4)}/${digest.slice(4)}`
    await mkdir(join(this.folder, place), { recursive: true })
    await writeFile(join(this.folder, place, file), wheel)
    const links = [...(this.#links.get(project) ?? []), `<a href="../../${place}/${file}#sha256=${digest}">${file}</a>`]
    this.#links.set(project, links)
    await mkdir(join(this.folder, 'simple', project), { recursive: true })
    await writeFile(
      join(this.folder, 'simple', project, 'index.html'),
      `<!DOCTYPE html><body>${links.join('\n')}</body>\n`,
    )
  }
}

async function rig(t: TestContext) {
  const folder = await scratchFolder(t)
  const index = new PythonIndex(join(folder, 'served'))
  const { cache, origin } = await setUp(t, withPages(serveFolder(index.folder)), {
    // The origin is never too slow here: a client would be given the page that was kept.
    settings: { indexes: { patience: '60s' } },
  })
  let nodes = 0
  const install = async () => {
    const target = join(folder, `node-${++nodes}`)
    const source = [
      '--index-url',
      `http://127.0.0.1:${cache.port}/http/mirror.lab/simple/`,
      '--trusted-host',
      '127.0.0.1',
    ]
    const quiet = [
      '--no-cache-dir',
      '--disable-pip-version-check',
      '--no-input',
      '--no-color',
      '--retries',
      '0',
      '--timeout',
      '300',
    ]
    const argv = ['/usr/bin/python3', '-m', 'pip', 'install', ...quiet, ...source, '--target', target, 'tool']
    const ran = await run(argv, { PIP_CONFIG_FILE: '/dev/null', HOME: folder, PYTHONDONTWRITEBYTECODE: '1' })
    const said = await readFile(join(target, 'tool.py'), 'utf8').catch(() => '')
    return { ...ran, version: /\d+/.exec(said)?.[0] ?? '' }
  }
  const asked = (pattern: RegExp) => origin.requests.filter(({ url }) => pattern.test(url ?? '')).length
  return { index, cache, origin, install, asked }
}

/** A folder is asked for by its page, which has to say that it is one. */
function withPages(files: RequestListener): RequestListener {
  return (req, res) => {
    const page = req.url?.endsWith('/') === true
    if (page) res.setHeader('content-type', 'text/html')
    files(page ? Object.assign(req, { url: `${req.url}index.html` }) : req, res)
  }
}

function installed(ran: Ran & { readonly version: string }): string {
  assert.equal(ran.code, 0, ran.said)
  return ran.version
}

test('pip installs by a base URL of the cache, each wheel comes once, and a new version is seen', async (t) => {
  const { index, install, asked } = await rig(t)
  await index.publish(1)
  assert.deepEqual((await Promise.all([install(), install()])).map(installed), ['1', '1'])
  assert.equal(asked(/[.]whl$/), 2, 'two wheels, for two nodes')
  await index.publish(2)
  assert.equal(installed(await install()), '2')
})

test('pip installs what is kept while the index is away', async (t) => {
  const { index, install, origin } = await rig(t)
  await index.publish(1)
  assert.equal(installed(await install()), '1')
  await origin.close()
  assert.equal(installed(await install()), '1')
})
