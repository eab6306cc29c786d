import { Type } from 'typebox'
import { namePattern } from '../fields.ts'
import { Duration } from '../units.ts'
import { Pace } from './pace.ts'

/** Handed to the program as it stands here. */
const Settings = Type.Record(Type.String(), Type.Unknown(), { default: {}, expected: 'a map of settings' })

/** Machines that a program of the admin's makes (docs/driver-command.md). */
export const CommandSchema = Type.Object({
  kind: Type.Literal('command'),
  /** The program and its own arguments; no shell reads them. */
  program: Type.Array(Type.String({ pattern: '^[^\\0]+$', expected: 'an argument' }), {
    minItems: 1,
    expected: 'a list: the program and its arguments',
  }),
  /** Where it runs: on the head as the controller's user, or on the site's gateway. */
  at: Type.Union([Type.Literal('head'), Type.Literal('gateway')], { default: 'head' }),
  /** A call that takes longer is ended. */
  timeout: Duration({ default: '2m' }),
  /** `bridged`: it plugs machines into the bridge that it is told. `join`: they have a network of the site's, and join the segment by themselves. */
  network: Type.Union([Type.Literal('bridged'), Type.Literal('join')], { default: 'bridged' }),
  /** What the program takes for an image. */
  image: Type.String({ pattern: '^\\S{1,200}$', expected: 'an image, as the program names it' }),
  settings: Settings,
  /** Settings for the machines of a node type, over those of the site. */
  types: Type.Record(Type.String({ pattern: namePattern }), Settings, { default: {} }),
  pace: Pace(),
})
