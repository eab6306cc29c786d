import type { Registration } from '../../src/elastic/scheduler.ts'

/** What a scheduler is told of a node; everything but what is given by default. */
export function someRegistration(
  of: Pick<Registration, 'name' | 'site' | 'type'> & Partial<Registration>,
): Registration {
  return {
    address: '10.77.1.1',
    size: { cpus: 1, memoryMiB: 1024, gpus: 0 },
    features: [`site-${of.site}`, `type-${of.type}`],
    rank: 1,
    ...of,
  }
}
