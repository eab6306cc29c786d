/**
 * Node's HTTP, without what else importing it would bring: an `import` looks at each of its names, one of which is
 * `WebSocket`, and with that comes all of `fetch`, which takes some 3 MiB of memory.
 */
export const { get, Server, STATUS_CODES, validateHeaderName, validateHeaderValue } =
  process.getBuiltinModule('node:http')
