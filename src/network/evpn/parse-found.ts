import { CausewayError } from '../../base/errors.ts'
import type { Found } from './change.ts'

/**
 * What `causeway-evpn VNI look` prints: `absent`, or `found zebra=yes bgpd=no`, followed by the lines of the two
 * configurations, each after the name of its daemon.
 * @throws CausewayError `MalformedOutput`
 */
export function parseFound(text: string): Found | null {
  const [first = '', ...rest] = text.trimEnd().split('\n')
  if (first === 'absent') return null
  const runs = /^found zebra=(yes|no) bgpd=(yes|no)$/.exec(first)
  const strange = runs === null ? first : rest.find((line) => !/^(zebra|bgpd) /.test(line))
  if (runs === null || strange !== undefined) {
    throw new CausewayError('MalformedOutput', `causeway-evpn printed '${strange?.slice(0, 200)}'`)
  }
  const linesOf = (daemon: string) =>
    rest.filter((line) => line.startsWith(`${daemon} `)).map((line) => line.slice(daemon.length + 1))
  return {
    zebraRuns: runs[1] === 'yes',
    bgpdRuns: runs[2] === 'yes',
    config: { zebra: linesOf('zebra'), bgpd: linesOf('bgpd') },
  }
}
