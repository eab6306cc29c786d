import type { NetworkReport } from '../../src/elastic/network-report.ts'

/** A head and a site: the head reaches it, and nobody knows whether it reaches the head. */
export const someNetwork: NetworkReport = {
  vni: 77,
  subnet: '10.77.0.0/16',
  mode: 'static',
  generation: null,
  underlayMtu: 1500,
  mtu: 1450,
  gateways: [
    { name: 'head', underlay: '10.250.0.2', address: '10.77.0.1', state: 'applied', trouble: '', unasked: '' },
    {
      name: 'east',
      underlay: '10.250.1.2',
      address: '10.77.1.254',
      state: 'broken',
      trouble: 'no bridge',
      unasked: 'no route to host',
    },
  ],
  paths: [
    {
      from: 'head',
      to: 'east',
      state: 'good',
      measuredAtMs: 1000,
      rttMs: 20.25,
      leastRttMs: 20,
      loss: 0.05,
      mtu: 1400,
      underlayMtu: null,
    },
    {
      from: 'east',
      to: 'head',
      state: 'unknown',
      measuredAtMs: null,
      rttMs: null,
      leastRttMs: null,
      loss: null,
      mtu: null,
      underlayMtu: null,
    },
  ],
}
