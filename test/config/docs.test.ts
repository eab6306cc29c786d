import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { parse, stringify } from 'yaml'
import { contradictions as cacheContradictions, cacheSchema } from '../../src/cache/settings.ts'
import { contradictions } from '../../src/config/contradictions.ts'
import { ControllerConfigSchema } from '../../src/config/controller-schema.ts'
import { parsePolicyFile } from '../../src/config/policy-file.ts'
import { parseYaml } from '../../src/config/yaml.ts'

type Tree = { readonly [key: string]: unknown }

/** An example of the guides: the text between two fences, without its indentation. */
interface Example {
  readonly place: string
  readonly text: string
}

const guides = join(import.meta.dirname, '../../docs')

function examplesOf(file: string): Example[] {
  const page = readFileSync(join(guides, file), 'utf8')
  return [...page.matchAll(/^( *)```yaml\n(.*?)^ *```$/gms)].map(({ index, 1: indent = '', 2: body = '' }) => ({
    place: `docs/${file}:${page.slice(0, index).split('\n').length}`,
    text: body.replaceAll(new RegExp(`^${indent}`, 'gm'), ''),
  }))
}

/** The example without what stands in it for "and so on": a value `...`, `{ ... }` or `[...]`. */
function withoutDots(value: unknown): unknown {
  if (Array.isArray(value)) return value.filter((item) => item !== '...').map(withoutDots)
  if (typeof value === 'string') return value.replace(/\.\.\.$/, '')
  if (!isTree(value)) return value
  const isDots = (item: unknown) => item === '...' || (Array.isArray(item) && item.length === 1 && item[0] === '...')
  const kept = Object.entries(value).filter(([key, item]) => key !== '...' && !isDots(item))
  return Object.fromEntries(kept.map(([key, item]) => [key, withoutDots(item)]))
}

function isTree(value: unknown): value is Tree {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The least configuration with what an example says in it, which so needs to say only what it is about. */
function merged(base: unknown, example: unknown): unknown {
  if (!isTree(base) || !isTree(example)) return example
  const keys = new Set([...Object.keys(base), ...Object.keys(example)])
  return Object.fromEntries([...keys].map((key) => [key, key in example ? merged(base[key], example[key]) : base[key]]))
}

const sizes = { maximum: 2, cpus: 2, memory: '2GiB' }

/** A site with what it must have beside what an example says of it; `index` keeps its addresses apart from others'. */
function site(example: Tree, index: number): unknown {
  const net = `10.77.${128 + index}`
  const own = isTree(example['types']) ? Object.entries(example['types']) : null
  const driver = isTree(example['driver']) ? example['driver'] : { kind: 'namespace', image: '/images/base' }
  const wanted = isTree(driver['types']) ? Object.keys(driver['types']) : []
  // Settings of a driver for types that the example does not show mean that the site has such types.
  const names = own?.map(([name]) => name) ?? (example['nodes'] === undefined && wanted.length > 0 ? wanted : null)
  const types = names?.map((name, k) => [name, { ...sizes, pool: `${net}.${64 * k}/26` }] as const)
  const { cache } = example as { readonly cache?: unknown }
  const least = {
    gateway: {
      underlay: `10.250.${index}.2`,
      address: `${net}.254`,
      ssh: { address: `10.250.${index}.2`, keyFile: '/key', hostKey: 'ssh-ed25519 AAAA' },
    },
    ...(cache === undefined ? {} : { cache: { origins: ['192.0.2.80'] } }),
    driver,
    ...(types ? { types: Object.fromEntries(types) } : { nodes: sizes, pool: `${net}.0/25` }),
  }
  return merged(least, example)
}

function controllerFile(example: Tree): unknown {
  const given = isTree(example['sites']) ? example['sites'] : { east: {}, west: { types: { big: {} } } }
  const sites = Object.entries(given).map(([name, one], k) => [name, site(isTree(one) ? one : {}, k + 1)])
  const base = {
    cluster: { name: 'lab', vni: 77, subnet: '10.77.0.0/16', overlay: { encryption: { kind: 'wireguard' } } },
    head: { name: 'head', address: '10.77.0.1', underlay: '10.250.0.2' },
    scheduler: { kind: 'slurm' },
    controller: { listen: '10.77.0.1:8470' },
  }
  return { ...(merged(base, example) as Tree), sites: Object.fromEntries(sites) }
}

const cacheFile = { listen: '0.0.0.0:3128', store: '/var/cache', origins: { 'deb.example.org': {} } }
const cacheKeys = Object.keys(cacheSchema.properties)

/** Reads an example as the program would that it is for. @throws CausewayError `InvalidConfig` */
function read({ place, text }: Example): void {
  const value = withoutDots(parse(text))
  assert.ok(isTree(value), `${place} is no map`)
  const keys = Object.keys(value)
  if (keys.includes('clouds')) return // another program's format, which the driver of OpenStack is tested to read
  if (keys.every((key) => cacheKeys.includes(key))) {
    parseYaml(stringify(merged(cacheFile, value)), place, cacheSchema, cacheContradictions)
  } else if (keys.includes('simulation')) {
    parsePolicyFile(stringify({ sites: { east: { nodes: sizes } }, ...value }), place)
  } else {
    const whole = keys.every((key) => key in ControllerConfigSchema.properties)
    // Some show a part of a site only, or a site.
    const example = whole ? value : { sites: keys.includes('driver') ? { here: value } : value }
    parseYaml(stringify(controllerFile(example)), place, ControllerConfigSchema, contradictions)
  }
}

describe('the YAML in the guides', () => {
  const pages = readdirSync(guides).filter((file) => file.endsWith('.md'))
  const examples = pages.flatMap(examplesOf)

  test('is found', () => {
    assert.ok(examples.length > 25, `only ${examples.length} examples`)
  })

  for (const example of examples) {
    test(`${example.place} is accepted`, () => read(example))
  }
})
