/** An image as far as it matters whether it may go. */
export interface Candidate {
  readonly digest: string
  /** The name that it was made under. */
  readonly name: string
  readonly addedAtMs: number
}

/** What must stay, and how much of the rest. */
export interface GcRules {
  /** Digests that the configuration names. */
  readonly configured: ReadonlySet<string>
  /** Digests that machines' disks lie on, at any host. */
  readonly used: ReadonlySet<string>
  /** How many of the newest of each name stay. */
  readonly keep: number
  /** Younger ones stay, ms. */
  readonly ageMs: number
}

/** Whether an image goes, and why it stays. */
export interface Verdict {
  readonly digest: string
  /** Null: it goes. */
  readonly stays: string | null
}

/** Decides which images of the head go. */
export function planGc(images: readonly Candidate[], rules: GcRules, now: number): readonly Verdict[] {
  const newest = images.toSorted((a, b) => b.addedAtMs - a.addedAtMs)
  const rank = ({ digest, name }: Candidate) =>
    newest.filter((other) => other.name === name).findIndex((other) => other.digest === digest)
  return images.map((image) => ({ digest: image.digest, stays: reasonToStay(image, rank(image), rules, now) }))
}

function reasonToStay(
  { digest, name, addedAtMs }: Candidate,
  rank: number,
  rules: GcRules,
  now: number,
): string | null {
  if (rules.configured.has(digest)) return 'the configuration names it'
  if (rules.used.has(digest)) return 'a machine uses it'
  if (now - addedAtMs < rules.ageMs) return 'it is new'
  if (rank < rules.keep)
    return rules.keep === 1 ? `it is the newest ${name}` : `it is one of the ${rules.keep} newest ${name}`
  return null
}
