import type { Leaving } from '../driver.ts'
import type { Ec2Api } from './client.ts'
import type { Found } from './instances.ts'

/** A spot machine is interrupted two minutes after the notice. */
const noticeMs = 120_000

/** A call takes at most so many ids. */
const mostIds = 100

/**
 * What EC2 says about taking machines away, by instance: interruptions of spot machines ("Spot request status": marked for
 * termination or stop) and scheduled events ("Scheduled events for your instances": retirement, stop, reboot, maintenance).
 * A reboot counts, since it kills what runs.
 * @throws CausewayError
 */
export async function readAnnouncements(api: Ec2Api, founds: readonly Found[]): Promise<ReadonlyMap<string, Leaving>> {
  const running = founds.filter(({ state }) => state === 'running')
  if (running.length === 0) return new Map()
  const [events, interruptions] = await Promise.all([
    scheduled(api),
    interrupted(
      api,
      running.filter(({ spot }) => spot).map(({ instanceId }) => instanceId),
    ),
  ])
  return soonest([...events, ...interruptions])
}

type Announcement = readonly [instanceId: string, leaving: Leaving]

/** By the events' codes: most accounts have few events and many machines. */
async function scheduled(api: Ec2Api): Promise<Announcement[]> {
  const codes = ['instance-stop', 'instance-retirement', 'instance-reboot', 'system-reboot', 'system-maintenance']
  const statuses = await api.all('DescribeInstanceStatus', 'InstanceStatuses', (ec2, page) =>
    ec2.describeInstanceStatus({ Filters: [{ Name: 'event.code', Values: codes }], MaxResults: 1000, ...page }),
  )
  return statuses.flatMap(({ InstanceId = '', Events = [] }) =>
    Events.flatMap(({ Code, Description = '', NotBefore }): Announcement[] =>
      // What is over stays in the list for a week.
      !NotBefore || /^\[(Completed|Canceled)\]/.test(Description)
        ? []
        : [[InstanceId, { atMs: NotBefore.getTime(), reason: `${Code}: ${Description}` }]],
    ),
  )
}

async function interrupted(api: Ec2Api, instanceIds: readonly string[]): Promise<Announcement[]> {
  const found: Announcement[] = []
  for (let from = 0; from < instanceIds.length; from += mostIds) {
    const filters = [
      { Name: 'instance-id', Values: instanceIds.slice(from, from + mostIds) },
      { Name: 'status-code', Values: ['marked-for-termination', 'marked-for-stop'] },
    ]
    const requests = await api.all('DescribeSpotInstanceRequests', 'SpotInstanceRequests', (ec2, page) =>
      ec2.describeSpotInstanceRequests({ Filters: filters, ...page }),
    )
    for (const { InstanceId, Status } of requests) {
      if (!InstanceId || !Status?.UpdateTime) continue
      const reason = `spot interruption: ${Status.Message ?? Status.Code}`
      found.push([InstanceId, { atMs: Status.UpdateTime.getTime() + noticeMs, reason }])
    }
  }
  return found
}

function soonest(announcements: readonly Announcement[]): ReadonlyMap<string, Leaving> {
  const found = new Map<string, Leaving>()
  for (const [instanceId, leaving] of announcements) {
    const other = found.get(instanceId)
    if (!other || leaving.atMs < other.atMs) found.set(instanceId, leaving)
  }
  return found
}
