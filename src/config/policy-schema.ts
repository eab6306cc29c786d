import { type StaticDecode, type TProperties, Type } from 'typebox'
import { Name, namePattern, optionalMap, Whole } from './fields.ts'
import { isTimeZone } from './time-zone.ts'
import { Duration, Size } from './units.ts'

/** Most nodes of one type. */
const mostNodes = 10_000

/** An amount of money, in the policy's currency. */
function Amount(most: number, options: { default?: number } = {}) {
  return Type.Number({ ...options, minimum: 0, maximum: most, expected: `an amount from 0 to ${most}` })
}

/** Preference: lower comes first. */
const Order = (options: { default?: number } = {}) => Whole(1, 1000, options)

/** The name of a user, an account or a queue. */
const Who = (expected: string) => Type.String({ pattern: '^\\S{1,255}$', expected })

/** How many nodes of a type, for how long, at what price: what windows may change. */
const limits = {
  /** Nodes kept though nobody needs them. */
  minimum: Whole(0, mostNodes, { default: 0 }),
  /** Nodes at most. */
  maximum: Whole(0, mostNodes),
  /** Free nodes kept ready beyond what the queue needs. */
  spare: Whole(0, mostNodes, { default: 0 }),
  /** How long a node stays idle before it is drained. */
  idle: Duration({ default: '5m', most: '366d' }),
  /** How long a node lives at least. */
  lifetime: Duration({ default: '0s', most: '366d' }),
  /** The time that the site charges for at once; 0s: by the moment. */
  billing: Duration({ default: '0s', most: '31d' }),
  /** What a node costs per hour. */
  cost: Amount(1_000_000, { default: 0 }),
}

/** What a node of a type is. */
const size = {
  cpus: Whole(1, 4096),
  memory: Size(),
  gpus: Whole(0, 1024, { default: 0 }),
  /** What jobs can ask for, beside `site-SITE` and `type-TYPE`, which every node has. */
  features: Type.Array(
    Type.String({
      pattern: '^[A-Za-z0-9_][A-Za-z0-9_.-]{0,62}$',
      expected: 'a feature of letters, digits, "_", "." and inner "-", at most 63 characters',
    }),
    { default: [] },
  ),
}

/**
 * One site's part of the policy: `nodes` (one type, called `standard`) or `types`; with further keys of the site and of each type where
 * the file says more than the policy.
 */
export function SiteSchema<S extends TProperties, T extends TProperties>(ofSite: S, ofType: T) {
  return Type.Object(
    {
      /** Preference among sites; of equal ones the cheaper type comes first. */
      order: Order({ default: 100 }),
      nodes: Type.Optional(Type.Object({ ...limits, ...size })),
      types: Type.Optional(
        Type.Record(
          Type.String({ pattern: namePattern }),
          /** A type's own order comes before its site's. */
          Type.Object({ order: Type.Optional(Order()), ...limits, ...size, ...ofType }, optionalMap),
          { minProperties: 1 },
        ),
      ),
      ...ofSite,
    },
    optionalMap,
  )
}

/** At most so many nodes for the jobs of one user, account or queue; exactly one of them is named. `*`: each without an own cap. */
const Cap = Type.Object({
  user: Type.Optional(Who('a user name, or "*" for each without an own cap')),
  account: Type.Optional(Who('an account name, or "*" for each without an own cap')),
  queue: Type.Optional(Who('a queue name, or "*" for each without an own cap')),
  nodes: Whole(0, 100_000),
})

/** At most so much money in a day or a month of the policy's time zone, at one site or (`site` left out) at all together. */
const Budget = Type.Object({
  period: Type.Union([Type.Literal('day'), Type.Literal('month')]),
  site: Type.Optional(Name()),
  amount: Amount(1e12),
})

/** Where jobs of more than one node go. The first rule that fits a job counts. */
const Placement = Type.Array(
  Type.Object({
    /** Left out: any queue. */
    queue: Type.Optional(Who('a queue name')),
    /** A feature that the job asks for; left out: any job. */
    feature: Type.Optional(Who('a feature name')),
    spread: Type.Union([Type.Literal('one-site'), Type.Literal('may-span'), Type.Literal('must-span')], {
      default: 'one-site',
    }),
    /** Left out: all sites. */
    sites: Type.Array(Name(), { default: [] }),
  }),
  { default: [] },
)

/** The same limits without defaults: what a window leaves out stays as it is. */
const SetLimits = Type.Object({
  order: Type.Optional(Order()),
  minimum: Type.Optional(Whole(0, mostNodes)),
  maximum: Type.Optional(Whole(0, mostNodes)),
  spare: Type.Optional(Whole(0, mostNodes)),
  idle: Type.Optional(Duration({ most: '366d' })),
  lifetime: Type.Optional(Duration({ most: '366d' })),
  billing: Type.Optional(Duration({ most: '31d' })),
  cost: Type.Optional(Amount(1_000_000)),
})

const Window = Type.Object({
  name: Name(),
  /** When it begins, in the policy's time zone. Whether it is a cron expression is checked with the contradictions. */
  cron: Type.String({ maxLength: 200, expected: 'a cron expression such as "0 20 * * *"' }),
  /** How long it is in force. */
  for: Duration({ least: '1m', most: '366d' }),
  /** What holds while it is in force. Caps and budgets stand in for those of the policy. */
  set: Type.Object({
    sites: Type.Optional(
      Type.Record(
        Type.String({ pattern: namePattern }),
        Type.Object({
          order: Type.Optional(Order()),
          nodes: Type.Optional(SetLimits),
          types: Type.Optional(Type.Record(Type.String({ pattern: namePattern }), SetLimits)),
        }),
      ),
    ),
    caps: Type.Optional(Type.Array(Cap)),
    budgets: Type.Optional(Type.Array(Budget)),
  }),
})

/** The rules for the cluster as a whole. */
const RulesSchema = Type.Object(
  {
    /** The zone of windows and budgets. */
    timezone: Type.Refine(
      Type.String({ default: 'UTC', expected: 'a time zone of the tz database such as Europe/Berlin' }),
      isTimeZone,
    ),
    /** What costs and budgets are in; only shown. */
    currency: Type.Optional(Type.String({ pattern: '^[A-Z]{3}$', expected: 'a currency code such as EUR' })),
    /** How long a node may stay in a phase before it counts as failed. */
    deadlines: Type.Object(
      {
        create: Duration({ default: '1m' }),
        boot: Duration({ default: '5m' }),
        install: Duration({ default: '10m' }),
        enrol: Duration({ default: '2m' }),
        /** How long a draining node's job may go on before that is said loudly; it is never killed. */
        drain: Duration({ default: '1d' }),
      },
      optionalMap,
    ),
    /** How acts that failed are tried again: after `first`, then twice as long each time, up to `most`. */
    retry: Type.Object(
      { first: Duration({ default: '1s', least: '100ms' }), most: Duration({ default: '1m', most: '1d' }) },
      optionalMap,
    ),
    grace: Type.Object(
      {
        /** How long a site may be unreadable before its unfinished nodes are given up. */
        unreachable: Duration({ default: '10m' }),
        /** How long a machine with an id that nobody knows is left alone. */
        orphan: Duration({ default: '10m' }),
        /** How long a name, and with it its addresses, stays unused after its node is gone, where Causeway chooses the names. */
        reuse: Duration({ default: '10s', most: '1d' }),
      },
      optionalMap,
    ),
    /** What the path between two sites must be like for the nodes of one job to be at both. */
    paths: Type.Object(
      {
        /** Share of packets that may be lost. */
        loss: Type.Number({ default: 0.2, minimum: 0, maximum: 1, expected: 'a share from 0 to 1' }),
        /** Longest round trip; left out: any. */
        rtt: Type.Optional(Duration({ least: '1ms' })),
      },
      optionalMap,
    ),
    breaker: Type.Object(
      {
        /** Failures in a row that close a type at a site. */
        failures: Whole(1, 1000, { default: 3 }),
        /** How long a closed type and the name of a failed node stay out of use. */
        cooldown: Duration({ default: '10m' }),
      },
      optionalMap,
    ),
    caps: Type.Array(Cap, { default: [] }),
    budgets: Type.Array(Budget, { default: [] }),
    placement: Placement,
    /** Times at which other rules hold; of several in force, the later in the list wins. */
    windows: Type.Array(Window, { default: [] }),
  },
  optionalMap,
)

/** How the sites behave in `causeway simulate`. */
const SimulationSchema = Type.Object(
  {
    sites: Type.Record(
      Type.String({ pattern: namePattern }),
      Type.Object(
        {
          /** Median time from the begin of a creation until the node is ready. */
          boot: Duration({ default: '90s', least: '1ms', most: '1d' }),
          /** The standard deviation of the log-normal, as a factor: two thirds of all boots take between median/spread and median*spread. */
          spread: Type.Number({ default: 1.3, minimum: 1, maximum: 100, expected: 'a factor from 1 to 100' }),
          /** The share of creates that fail. */
          failures: Type.Number({ default: 0, minimum: 0, maximum: 1, expected: 'a share from 0 to 1' }),
          /** Machines that there really are, all types together; left out: as many as the policy wants. */
          capacity: Type.Optional(Whole(0, 1_000_000)),
        },
        optionalMap,
      ),
      { default: {} },
    ),
  },
  optionalMap,
)

/** The parts that a policy file and the controller's configuration have in common, given the schema of a site. */
export const policyParts = { policy: RulesSchema, simulation: SimulationSchema }

/** A file with nothing but policy. Times are ms and sizes are bytes once it is loaded. */
export const PolicyFileSchema = Type.Object({
  sites: Type.Record(Type.String({ pattern: namePattern }), SiteSchema({}, {}), { minProperties: 1 }),
  ...policyParts,
})

/** The policy part of any file: the controller's configuration is one too. */
export type PolicyFile = StaticDecode<typeof PolicyFileSchema>

/** What a site's part of the policy says of one node type. */
export type TypeSettings = NonNullable<PolicyFile['sites'][string]['nodes']> & { order?: number }

/** What a window changes of one node type. */
export type SetLimits = StaticDecode<typeof SetLimits>
