import { type Static, type TObject, type TProperties, Type } from 'typebox'

/** Names of schedulers and of events in addresses. */
export const hookNamePattern = '^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$'

/** Longest hostlist, characters. */
const maximumHostlist = 65_536

const Id = Type.String({
  pattern: '^[A-Za-z0-9-]{8,64}$',
  description: 'Unique to this event, such as a UUID: what comes twice with the same id is recorded once.',
})
const At = Type.Integer({
  minimum: 0,
  maximum: 253_402_300_799_999,
  description: 'When it happened, ms since the epoch. Left out: now.',
})
const Nodes = Type.String({
  minLength: 1,
  maxLength: maximumHostlist,
  description: 'The nodes that it is about: names with commas between them, or a hostlist as Slurm writes it.',
})
const Jobs = Type.Array(Type.String({ pattern: '^[A-Za-z0-9._+[\\],%@:-]{1,128}$' }), {
  maxItems: 10_000,
  description: 'Ids of the jobs that it is about.',
})
const Fact = Type.Union([Type.String({ maxLength: 4096 }), Type.Number(), Type.Boolean()])

/** The file that Slurm writes for its ResumeProgram; it has more than is read here. */
const Resume = Type.Object(
  {
    jobs: Type.Array(
      Type.Object({
        job_id: Type.Integer({ minimum: 1 }),
        nodes: Type.Optional(Type.String({ maxLength: maximumHostlist })),
      }),
      { maxItems: 10_000 },
    ),
  },
  { description: 'The content of $SLURM_RESUME_FILE.' },
)

/** What every event may say. */
const common = { id: Type.Optional(Id), at: Type.Optional(At), nodes: Type.Optional(Nodes), jobs: Type.Optional(Jobs) }

/** The body of an event that no scheduler of ours sends: a plugin's. */
export const AnyBody = Type.Object(
  {
    ...common,
    facts: Type.Optional(
      Type.Record(Type.String({ pattern: '^[a-z][a-z0-9_]{0,63}$' }), Fact, {
        maxProperties: 64,
        description: 'Whatever else is worth keeping.',
      }),
    ),
  },
  {
    additionalProperties: false,
    examples: [{ id: 'f3b0c442-98fc-4c14-9afb-000000000001', jobs: ['7'], facts: { queue: 'long' } }],
  },
)

/** What a hook may say, over all schedulers and events. */
export type HookBody = Static<typeof AnyBody> & { readonly resume?: Static<typeof Resume> }

/** An event that a scheduler's scripts send. */
export interface KnownEvent {
  readonly summary: string
  readonly body: TObject
}

/** Short facts under these names; others are refused: a misspelt one must not pass for a fact. */
function facts(names: readonly string[]): TProperties {
  if (names.length === 0) return {}
  const known = Object.fromEntries(names.map((name) => [name, Type.Optional(Fact)]))
  return { facts: Type.Optional(Type.Object(known, { additionalProperties: false })) }
}

function event(summary: string, example: object, more: TProperties, names: readonly string[] = []): KnownEvent {
  const options = {
    additionalProperties: false,
    examples: [{ id: 'f3b0c442-98fc-4c14-9afb-000000000002', ...example }],
  }
  return { summary, body: Type.Object({ ...common, ...facts(names), ...more }, options) }
}

const submitted = ['user', 'account', 'partition', 'queue', 'name', 'cpus', 'nodes', 'pe']
const ended = ['user', 'queue', 'exit']

/** The events that the scripts of this package send, by scheduler and name. */
export const knownEvents: Readonly<Record<string, Readonly<Record<string, KnownEvent>>>> = {
  slurm: {
    resume: event(
      'slurmctld wants machines for nodes (ResumeProgram)',
      { nodes: 'east-[1-2]', resume: { jobs: [{ job_id: 12, nodes: 'east-[1-2]' }] } },
      { nodes: Nodes, resume: Type.Optional(Resume) },
    ),
    suspend: event('slurmctld has let go of nodes (SuspendProgram)', { nodes: 'east-3' }, { nodes: Nodes }),
    'resume-fail': event('nodes did not come in time (ResumeFailProgram)', { nodes: 'east-3' }, { nodes: Nodes }),
    prolog: event('a job begins (PrologSlurmctld)', { jobs: ['12'], nodes: 'east-[1-2]' }, {}, ended),
    epilog: event('a job has ended (EpilogSlurmctld)', { jobs: ['12'] }, {}, ended),
    submit: event(
      'a job was submitted (job_submit plugin)',
      { facts: { user: 'ada', partition: 'batch' } },
      {},
      submitted,
    ),
  },
  sge: {
    submit: event('a job was submitted', { jobs: ['12'] }, {}, submitted),
    prolog: event('a job begins', { jobs: ['12'], nodes: 'east-1' }, {}, ended),
    epilog: event('a job has ended', { jobs: ['12'], nodes: 'east-1' }, {}, ended),
    load: event('the number of pending jobs has changed (load sensor)', { facts: { pending: '3' } }, {}, [
      'pending',
      'running',
    ]),
    jsv: event('a job was verified (JSV)', { facts: { user: 'ada' } }, {}, submitted),
  },
  torque: {
    submit: event('a job was submitted (submit filter)', { facts: { user: 'ada' } }, {}, submitted),
    prologue: event('a job begins', { jobs: ['12.head'], nodes: 'east-1' }, {}, ended),
    epilogue: event('a job has ended', { jobs: ['12.head'], nodes: 'east-1' }, {}, ended),
  },
}
