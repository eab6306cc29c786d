import type { Asked } from '../../fakes/openstack/answers.ts'
import type { FakeCloud, Fault } from '../../fakes/openstack/cloud.ts'

/** Which requests: `POST /servers`, without what follows a `?`; ids stand for themselves. */
export type Question = `${'GET' | 'POST' | 'DELETE'} /${string}`

/** Makes the next requests of a kind go wrong, once each unless told otherwise. */
export function breakOnce(cloud: FakeCloud, question: Question, fault: Fault, times = 1): void {
  const before = cloud.interfere
  let left = times
  cloud.interfere = (asked) => {
    if (left === 0 || !isAbout(asked, question)) return before(asked)
    left -= 1
    return fault
  }
}

/** How often was it asked. */
export function count(cloud: FakeCloud, question: Question): number {
  return cloud.requests.filter((asked) => isAbout(asked, question)).length
}

function isAbout({ method, path }: Asked, question: Question): boolean {
  const [wanted, start = ''] = question.split(' ')
  return method === wanted && (start.endsWith('/') ? path.startsWith(start) : path === start)
}

export const cutBefore: Fault = { moment: 'before', answer: 'cut' }
export const cutAfter: Fault = { moment: 'after', answer: 'cut' }

/** An answer instead of the act. */
export function instead(status: number, body: unknown = '', headers: Record<string, string> = {}): Fault {
  return { moment: 'before', answer: { status, body, headers } }
}
