/** A server as the cloud keeps it. */
export interface CloudServer {
  readonly id: string
  readonly name: string
  readonly metadata: Readonly<Record<string, string>>
  readonly tags: readonly string[]
  readonly zone: string
  readonly portId: string
  readonly body: Readonly<Record<string, unknown>>
  readonly hints: Readonly<Record<string, unknown>>
  readonly createdAtMs: number
  readonly listedAtMs: number
  readonly boundAtMs: number
  readonly builtAtMs: number
  /** Set: it can't be built. */
  fault: string | null
  /** What it is besides: `SHUTOFF`, or null. */
  status: string | null
  task: string | null
  goneAtMs: number | null
  printed: string
}

/** A port as the cloud keeps it. */
export interface CloudPort {
  readonly id: string
  readonly name: string
  readonly description: string
  readonly networkId: string
  readonly mac: string
  readonly addresses: readonly string[]
  readonly createdAtMs: number
  readonly body: Readonly<Record<string, unknown>>
  deviceId: string
}

/** An image, with all of its properties. */
export type CloudImage = Readonly<Record<string, string>> & { readonly id: string; readonly status: string }

/** Times as OpenStack writes them: to the second. */
export function stamp(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}Z`
}
