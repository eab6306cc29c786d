import { contradictions } from './contradictions.ts'
import { type ControllerConfig, ControllerConfigSchema } from './controller-schema.ts'
import { loadYaml } from './yaml.ts'

/**
 * Loads and checks the file, contradictions included (a minimum over its maximum, a pool outside the subnet, ...).
 * @throws CausewayError `InvalidConfig` with a line `file:line:column: where: what was expected` for each problem
 */
export async function loadControllerConfig(file: string): Promise<ControllerConfig> {
  return loadYaml(file, ControllerConfigSchema, contradictions)
}
