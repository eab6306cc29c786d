/** A request as the services see it. */
export interface Asked {
  readonly service: 'identity' | 'compute' | 'network' | 'image'
  readonly method: string
  /** Below the service's version: `/servers/detail`. */
  readonly path: string
  readonly query: URLSearchParams
  readonly header: (name: string) => string | undefined
  readonly body: unknown
  /** The service's own address, for links. */
  readonly base: string
}

export interface Answer {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  /** JSON, or text as it is. */
  readonly body?: unknown
}

export const ok = (body: unknown, status = 200): Answer => ({ status, body })
export const empty = (status = 204): Answer => ({ status })

/** How Nova says no. */
export function novaNo(status: number, kind: string, message: string, headers = {}): Answer {
  return { status, headers, body: { [kind]: { code: status, message } } }
}

/** How Neutron says no. */
export function neutronNo(status: number, type: string, message: string): Answer {
  return { status, body: { NeutronError: { type, message, detail: '' } } }
}

/** One page of a list, and the query that asks for the next; null: its marker is not in the list. */
export function page<T extends { readonly id: string }>(
  all: readonly T[],
  size: number,
  query: URLSearchParams,
): { readonly items: readonly T[]; readonly next: string | null } | null {
  const marker = query.get('marker')
  const from = marker === null ? 0 : all.findIndex(({ id }) => id === marker) + 1
  if (marker !== null && from === 0) return null
  const items = all.slice(from, from + size)
  if (from + size >= all.length) return { items, next: null }
  const following = new URLSearchParams(query)
  following.set('marker', items.at(-1)?.id ?? '')
  return { items, next: following.toString() }
}
