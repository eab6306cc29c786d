import type { CacheStatus } from '../../src/cache/watch/status.ts'

const outcomes = { hit: 6, miss: 2, joined: 1, revalidated: 1, stale: 0, absent: 0, refused: 1, failed: 0 }
const tally = { requests: 11, outcomes, servedBytes: 80_000_000, upstreamBytes: 20_000_000 }

/** A cache in the middle of its work. */
export const someStatus: CacheStatus = {
  startedAt: '2026-01-01T00:00:00.000Z',
  now: '2026-01-01T02:05:00.000Z',
  counters: {
    requests: 12,
    hits: 6,
    misses: 2,
    joined: 1,
    revalidated: 1,
    stale: 0,
    absent: 0,
    refused: 1,
    failed: 0,
    upstreamRequests: 3,
    upstreamBytes: 20_000_000,
    servedBytes: 80_000_000,
    inFlight: 1,
    fetching: 1,
  },
  savedBytes: 60_000_000,
  origins: [{ name: 'deb.debian.org', ...tally }],
  nodes: [{ name: '10.77.1.1', ...tally }],
  flights: [
    {
      key: 'http://deb.debian.org/debian/pool/main/s/slurm/slurmd_22.05.8-4_amd64.deb',
      urgency: 'client',
      bytes: 1_200_000,
      length: 2_400_000,
      readers: 8,
    },
  ],
  places: [
    { place: 'http://deb.debian.org', state: 'well', headMs: 21.4, trouble: '' },
    { place: 'http://10.250.2.1:3128', state: 'away', headMs: undefined, trouble: 'no connection in 3 s' },
  ],
  storage: {
    responses: 120,
    bytes: 80_000_000,
    partialBytes: 0,
    evictedBytes: 0,
    quota: 50_000_000_000,
    freeBytes: 9_500_000_000,
  },
  troubled: false,
  events: [
    {
      code: 'PlaceAway',
      subject: 'http://10.250.2.1:3128',
      message: 'no connection in 3 s',
      time: '2026-01-01T02:04:00.000Z',
    },
  ],
}
