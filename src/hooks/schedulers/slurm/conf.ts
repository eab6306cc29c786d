import type { Registration } from '../../../elastic/scheduler.ts'
import { cloudDefinition } from './definition.ts'

/** The first line of the file with the nodes. */
export const heading = '# Written by Causeway; changes are lost. Include it from slurm.conf.'

/**
 * The file that slurm.conf includes: a line for each cloud node.
 *
 * One line a node, not one a site: Slurm 22.05 fills nodes by weight, but gives nodes without a machine the same, highest
 * weight and then goes by their lines; of a line whose nodes are partly up it puts the rest behind all others, and the next
 * job would go to a less preferred site. See docs/design/003-slurm-states.md.
 * @param nodes preferred ones first
 * @throws CausewayError `InvalidConfig` for a name that slurm.conf can't hold or a number that makes no sense.
 */
export function renderSlurmNodes(nodes: readonly Registration[]): string {
  return [heading, ...nodes.map(nodeLine), ''].join('\n')
}

/** The line of one node. */
export function nodeLine(node: Registration): string {
  return `NodeName=${node.name} ${cloudDefinition(node).join(' ')}`
}
