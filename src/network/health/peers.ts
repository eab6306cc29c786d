/** Peers that a gateway looks at in one round, at most: a few packets to each in a second or two. */
const mostPeers = 64

/**
 * Whom a gateway measures in a round: all others; where these are very many the head and a part of the rest, which moves on
 * with every round.
 * @param round counts up from 0
 */
export function peersInRound(names: readonly string[], self: string, head: string, round: number): ReadonlySet<string> {
  const others = names.filter((name) => name !== self)
  if (others.length <= mostPeers) return new Set(others)
  const [always, rest] = [others.filter((name) => name === head), others.filter((name) => name !== head)]
  const room = mostPeers - always.length
  const from = (round * room) % rest.length
  return new Set([...always, ...Array.from({ length: room }, (_, i) => rest[(from + i) % rest.length] ?? '')])
}
