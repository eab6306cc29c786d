import type { Command } from 'commander'

/**
 * The commands of `causeway` by name, loaded when asked for: a cache on a small gateway shall not carry the controller
 * about, nor a hook wait for both.
 */
export const commands: Readonly<Record<string, () => Promise<Command>>> = {
  controller: async () => (await import('./controller.ts')).controllerCommand(),
  cache: async () => (await import('./cache.ts')).cacheCommand(),
  status: async () => (await import('./status.ts')).statusCommand(),
  site: async () => (await import('./site.ts')).siteCommand(),
  network: async () => (await import('./network.ts')).networkCommand(),
  nodes: async () => (await import('./nodes.ts')).nodesCommand(),
  timeline: async () => (await import('./timeline.ts')).timelineCommand(),
  why: async () => (await import('./why.ts')).whyCommand(),
  policy: async () => (await import('./policy.ts')).policyCommand(),
  replay: async () => (await import('./replay.ts')).replayCommand(),
  simulate: async () => (await import('./simulate.ts')).simulateCommand(),
  'slurm-nodes': async () => (await import('./slurm-nodes.ts')).slurmNodesCommand(),
  image: async () => (await import('./image.ts')).imageCommand(),
  hosts: async () => (await import('./hosts.ts')).hostsCommand(),
  driver: async () => (await import('./driver.ts')).driverCommand(),
}
