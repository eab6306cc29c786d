import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { ControllerConfig } from '../../src/config/controller-schema.ts'
import { nodePlace } from '../../src/config/node-places.ts'
import { parsePolicyFile } from '../../src/config/policy-file.ts'
import { configText } from '../support/controller-config.ts'

const good = `sites:
  east:
    order: 1
    nodes: { minimum: 2, maximum: 16, spare: 1, idle: 5m, billing: 1h, cost: 0.5, cpus: 8, memory: 31GiB }
  west:
    types:
      small: { maximum: 20, cpus: 4, memory: 8GiB, cost: 0.10 }
      big: { maximum: 4, cpus: 64, memory: 250GiB, gpus: 4, features: [a100] }
policy:
  timezone: Europe/Berlin
  caps: [ { user: alice, nodes: 4 }, { account: '*', nodes: 10 } ]
  budgets: [ { period: day, amount: 24 }, { period: month, site: west, amount: 0 } ]
  placement: [ { queue: mpi, sites: [east] }, { feature: gpu, spread: must-span } ]
  windows:
    - name: nights
      cron: '0 20 * * *'
      for: 10h
      set: { sites: { east: { nodes: { maximum: 32 } }, west: { types: { big: { maximum: 0 } } } } }
simulation:
  sites: { east: { boot: 90s } }
`

/** The messages about a policy, without the file's name. */
function problemsOf(text: string): string[] {
  try {
    parsePolicyFile(text, 'p.yaml')
  } catch (error) {
    assert.equal((error as { code?: string }).code, 'InvalidConfig')
    return (error as Error).message.split('\n').map((line) => line.replace(/^p\.yaml:/, ''))
  }
  return []
}

/** The one message about the good policy with something replaced; its place is looked up in the text, to be independent of ours. */
function problemWith(was: string | RegExp, is: string, mark: string): string {
  const text = good.replace(was, is)
  assert.notEqual(text, good)
  const [problem = '', ...more] = problemsOf(text)
  assert.deepEqual(more, [], problem)
  const before = text.slice(0, text.indexOf(mark)).split('\n')
  const place = `${before.length}:${(before.at(-1) ?? '').length + 1}: `
  assert.ok(problem.startsWith(place), `${problem} should be at ${place}`)
  return problem.slice(place.length)
}

describe('a policy file', () => {
  test('is decoded with defaults', () => {
    const file = parsePolicyFile(good, 'p.yaml')
    assert.partialDeepStrictEqual(file.sites.west, {
      order: 100,
      types: { small: { minimum: 0, spare: 0, idle: 300_000, lifetime: 0, billing: 0, gpus: 0, features: [] } },
    })
    assert.partialDeepStrictEqual(file.policy, {
      deadlines: { create: 60_000, drain: 86_400_000 },
      retry: { first: 1000, most: 60_000 },
      placement: [{ spread: 'one-site' }, { sites: [] }],
    })
    const least = parsePolicyFile('sites: { a: { nodes: { maximum: 1, cpus: 1, memory: 1GiB } } }', 'p.yaml')
    assert.equal(least.policy.timezone, 'UTC')
    assert.deepEqual([least.policy.windows, least.policy.caps, least.simulation.sites], [[], [], {}])
    assert.equal(least.sites.a?.nodes?.cost, 0)
    assert.equal(least.sites.a?.types, undefined)
  })

  for (const [what, was, is, mark, says] of [
    [
      'minimum over maximum',
      'maximum: 16',
      'maximum: 1',
      '2, maximum: 1,',
      /^sites\.east\.nodes\.minimum: the minimum of 2 is over the maximum of 1: lower/,
    ],
    ['spare over maximum', 'spare: 1', 'spare: 17', '17', /17 spare nodes are over the maximum of 16: lower/],
    [
      'minimum over maximum of a type',
      '{ maximum: 20, cpus: 4, memory: 8GiB, cost: 0.10 }',
      '{ minimum: 21, maximum: 20, cpus: 4, memory: 8GiB }',
      '21',
      /west\.types\.small\.minimum: the minimum of 21/,
    ],
    [
      'a budget under the minimum',
      'amount: 24',
      'amount: 23.9',
      '23.9',
      /23\.9 is less than the 24 that .* in a day: raise/,
    ],
    [
      'a month under the minimum',
      'month, site: west, amount: 0',
      'month, site: east, amount: 743',
      '743',
      /the 744 that .* 31 days/,
    ],
    [
      'two budgets for the same',
      'site: west, amount: 0 }',
      'amount: 9999 }, { period: day, amount: 99 }',
      '{ period: day, amount: 99',
      /the first budget/,
    ],
    [
      'two caps for the same',
      "{ account: '*', nodes: 10 }",
      '{ user: alice, nodes: 10 }',
      '{ user: alice, nodes: 10',
      /user alice has a cap/,
    ],
    ['a cap for two', 'user: alice', 'user: alice, queue: q', '{ user', /exactly one of user, account and queue/],
    ['a cap for nobody', 'user: alice, nodes: 4', 'nodes: 4', '{ nodes', /exactly one of user, account and queue/],
    [
      'an unknown site in a budget',
      'site: west',
      'site: north',
      'north',
      /there is no site north; there are: east, west/,
    ],
    [
      'an unknown site in placement',
      'sites: [east]',
      'sites: [north]',
      'north',
      /policy\.placement\[0\]\.sites\[0\]: there is no/,
    ],
    [
      'an unknown site in a window',
      'sites: { east: { nodes',
      'sites: { north: { nodes',
      '{ nodes: { maximum: 32',
      /no site north/,
    ],
    [
      'an unknown type in a window',
      'types: { big: { max',
      'types: { huge: { max',
      '{ maximum: 0',
      /site west has no type huge; it has types: small, big/,
    ],
    [
      '`nodes` set where there are types',
      'types: { big: { maximum: 0 } }',
      'nodes: { cost: 9 }',
      '{ cost: 9',
      /west has no `nodes`; it has types/,
    ],
    [
      '`types` set where there are nodes',
      'nodes: { maximum: 32 }',
      'types: { big: { cost: 9 } }',
      '{ cost: 9',
      /east has no type big; it has `nodes`/,
    ],
    [
      'an unknown site in the simulation',
      '{ east: { boot',
      '{ north: { boot',
      '{ boot',
      /simulation\.sites\.north: there is no site/,
    ],
    [
      'cron without a meaning',
      "'0 20 * * *'",
      "'0 25 * * *'",
      "'0 25",
      /expected a cron expression .* got "0 25 \* \* \*" \(hour: 25/,
    ],
    ['cron on 31 February', "'0 20 * * *'", "'0 20 31 2 *'", "'0 20", /impossible day of month/],
    ['cron that never fires', "'0 20 * * *'", "'30 2 * 3 0L'", "'30 2", /never fires: .* in Europe\/Berlin/],
    ['a window that ends at once', 'for: 10h', 'for: 1s', '1s', /expected a duration .* at least 1m/],
    ['a window that sets nothing', /set: .*/, 'set: { sites: {} }', '{ sites: {} }', /it sets nothing/],
    [
      'a minimum over the maximum in a window',
      '{ maximum: 32 }',
      '{ maximum: 1 }',
      '1 } },',
      /in this window the minimum of 2 is over the maximum of 1/,
    ],
    [
      'a minimum of a window over the maximum',
      '{ maximum: 32 }',
      '{ minimum: 17 }',
      '17',
      /in this window the minimum of 17 is over the maximum of 16/,
    ],
    [
      'spare nodes of a window over the maximum',
      '{ maximum: 32 }',
      '{ spare: 17 }',
      '17',
      /in this window 17 spare nodes/,
    ],
    [
      'caps of a window',
      'set: {',
      'set: { caps: [ { user: b, nodes: 1 }, { user: b, nodes: 2 } ],',
      '{ user: b, nodes: 2',
      /user b has a cap already/,
    ],
    ['budgets of a window', 'set: {', 'set: { budgets: [ { period: day, amount: 1 } ],', '1 } ],', /less than the 24/],
    ['an unknown time zone', 'Europe/Berlin', 'Europe/Bonn', 'Europe/Bonn', /expected a time zone of the tz database/],
    ['a bad feature', '[a100]', '["a&b"]', '"a&b"', /expected a feature of letters/],
    ['a feature that nodes have anyway', '[a100]', '[site-east]', 'site-east', /looks like a feature that nodes have/],
    [
      'a rule that an earlier one covers',
      '{ feature: gpu,',
      '{ queue: mpi, feature: gpu,',
      '{ queue: mpi, feature',
      /the first rule fits all/,
    ],
    ['billing for longer than a month', 'billing: 1h', 'billing: 32d', '32d', /at most 31d/],
    ['a life of years', 'idle: 5m', 'lifetime: 400d', '400d', /at most 366d/],
    ['a negative price', 'cost: 0.5', 'cost: -1', '-1', /expected an amount from 0/],
    ['a price without end', 'cost: 0.5', 'cost: .inf', '.inf', /expected an amount from 0/],
    [
      'a first pause over the longest',
      'policy:\n',
      'policy:\n  retry: { first: 2m }\n',
      '2m',
      /longer than the longest/,
    ],
    ['a node type without size', 'cpus: 4, ', '', '{ maximum: 20', /small\.cpus: missing/],
    [
      'keys of the controller',
      'order: 1\n',
      'order: 1\n    pool: 10.0.0.0/24\n',
      'pool',
      /pool: unknown key; known here: order, nodes, types$/,
    ],
  ] as const) {
    test(`${what} is refused with its place and the way out`, () => {
      assert.match(problemWith(was, is, mark), says)
    })
  }

  test('what looks odd and is fine', () => {
    for (const [was, is] of [
      ['idle: 5m', 'idle: 2h'],
      ['for: 10h', 'for: 30h'],
      ['{ maximum: 32 }', '{ maximum: 2 }'],
      ["cron: '0 20 * * *'", "cron: '0 0 29 2 *'"],
      // The nights may well have fewer nodes than the policy's minimum costs by day.
      ['{ maximum: 32 } }', '{ minimum: 0 } }'],
    ] as const) {
      const text = good.replace(was, is)
      assert.notEqual(text, good)
      assert.deepEqual(problemsOf(text), [], is)
    }
    const cheaper = good.replace('{ maximum: 32 }', '{ minimum: 0 }').replace('amount: 24', 'amount: 20')
    assert.deepEqual(problemsOf(cheaper), [])
  })

  test('one of `nodes` and `types`, and no two types with one name', () => {
    const size = 'cpus: 1, memory: 1GiB, maximum: 1'
    assert.deepEqual(problemsOf('sites: { a: { order: 2 } }'), [
      '1:13: sites.a: it has no nodes: add `nodes` (one type) or `types` (several)',
    ])
    assert.match(problemsOf(`sites: { a: { nodes: { ${size} }, types: { b: { ${size} } } } }`)[0] ?? '', /exclude each/)
    assert.match(
      problemsOf(`sites: { a-b: { nodes: { ${size} } }, a: { types: { b: { ${size} } } } }`)[0] ?? '',
      /sites\.a\.types\.b: its nodes would be called a-b-1, a-b-2, \.\.\. as those of sites\.a-b\.nodes: rename/,
    )
    const long = 'x'.repeat(30)
    assert.match(
      problemsOf(`sites: { ${long}: { types: { ${long}: { cpus: 1, memory: 1GiB, maximum: 100 } } } }`)[0] ?? '',
      /is longer than the 63 characters of a host name/,
    )
  })

  test('a rule for sites that never have a node, or for two where one has', () => {
    const none = good.replace('maximum: 20', 'maximum: 0').replace('maximum: 4,', 'maximum: 0,')
    const problems = problemsOf(none.replace('[east]', '[west]'))
    assert.equal(problems.length, 2)
    assert.match(problems[0] ?? '', /placement\[0\]\.sites: none of its sites ever has a node/)
    assert.match(
      problems[1] ?? '',
      /placement\[1\]\.spread: must-span needs two sites with nodes, and there is only east/,
    )
  })
})

describe("the policy of the controller's configuration", () => {
  const whole = (nodes: string, more = '') => configText({ nodes, more })
  const size = 'maximum: 2, cpus: 2, memory: 2GiB'
  const types = `types: { small: { ${size}, pool: 10.77.1.0/28 }, big: { ${size}, pool: 10.77.1.16/28, image: /images/big } }`

  test('types have their own pools and images', () => {
    const config = parsePolicyFile(whole(types), 'c.yaml') as ControllerConfig
    assert.partialDeepStrictEqual(nodePlace(config, { site: 'east', type: 'big' }), {
      prefix: 'east-big',
      pool: '10.77.1.16/28',
      image: '/images/big',
      names: 2,
    })
    assert.equal(nodePlace(config, { site: 'east', type: 'small' })?.image, '/images/base')
    assert.equal(nodePlace(config, { site: 'east', type: 'standard' }), null)
  })

  for (const [what, text, says] of [
    ['no pool', whole(`nodes: { ${size} }`), /sites\.east\.pool: missing; expected an IPv4 subnet/],
    ['a type without a pool', whole(types.replace(', pool: 10.77.1.0/28', '')), /types\.small\.pool: missing/],
    [
      'pools of two types that overlap',
      whole(types.replace('1.16/28', '1.0/27')),
      /big\.pool: .* overlaps the pool of east-small/,
    ],
    ['a pool beside types', whole(`${types}\n    pool: 10.77.2.0/24`), /a site with `types` has a pool in each/],
    [
      'a pool too small for a window',
      whole(
        types,
        'policy: { windows: [ { name: w, cron: "0 8 * * *", for: 1h, set: { sites: { east: { types: { big: { maximum: 15 } } } } } } ] }',
      ),
      /big\.pool: 10\.77\.1\.16\/28 has 14 addresses for 15 nodes/,
    ],
    [
      'a policy that contradicts itself',
      whole(types.replace('maximum: 2', 'maximum: 2, minimum: 3')),
      /the minimum of 3 is over/,
    ],
  ] as const) {
    test(`${what} is refused`, () => {
      const problems = problemsOf(text)
      assert.equal(problems.length, 1, problems.join('\n'))
      assert.match(problems[0] ?? '', says)
    })
  }
})
