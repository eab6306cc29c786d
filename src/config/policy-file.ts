import { parseDocument } from 'yaml'
import { contradictions } from './contradictions.ts'
import { ControllerConfigSchema } from './controller-schema.ts'
import { policyContradictions } from './policy-contradictions.ts'
import { type PolicyFile, PolicyFileSchema } from './policy-schema.ts'
import { parseYaml, readText } from './yaml.ts'

/**
 * Loads and checks the policy of a file: one with nothing but policy (`sites`, `policy`, `simulation`), or a whole configuration of the
 * controller, which is checked as a whole.
 * @throws CausewayError `InvalidConfig` with a line `file:line:column: where: what was expected` for each problem
 */
export async function loadPolicyFile(file: string): Promise<PolicyFile> {
  return parsePolicyFile(await readText(file), file)
}

/** The same for text at hand; `file` is the name used in messages. */
export function parsePolicyFile(text: string, file: string): PolicyFile {
  if (!isWhole(text)) return parseYaml(text, file, PolicyFileSchema, policyContradictions)
  return parseYaml(text, file, ControllerConfigSchema, contradictions)
}

/** Whether the text has keys that only the controller's configuration has. */
function isWhole(text: string): boolean {
  const top: unknown = parseDocument(text, { logLevel: 'silent' }).toJS()
  return ['cluster', 'head', 'scheduler', 'controller'].some((key) => typeof top === 'object' && top && key in top)
}
