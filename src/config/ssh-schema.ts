import { Type } from 'typebox'
import { Path, Whole } from './fields.ts'

/** How the controller logs in to a host; no other host key than the pinned one is accepted. */
export const SshSchema = Type.Object({
  address: Type.String({ pattern: '^[A-Za-z0-9.:-]+$', expected: 'a host name or an address' }),
  port: Whole(1, 65_535, { default: 22 }),
  user: Type.String({ pattern: '^[a-z_][a-z0-9_-]*$', expected: 'a user name', default: 'root' }),
  keyFile: Path(),
  hostKey: Type.String({
    pattern: '^[a-z0-9@.-]+ [A-Za-z0-9+/]+=*( .*)?$',
    expected: 'the public host key as in a .pub file: "ssh-ed25519 AAAA..."',
  }),
})
