import { type CacheSettings, cacheSchema } from '../../src/cache/settings.ts'
import { parseYaml } from '../../src/config/yaml.ts'

/** Settings as the YAML file would have them (durations and sizes as text), with all defaults filled in. */
export function settingsFor(said: Record<string, unknown>): CacheSettings {
  return parseYaml(JSON.stringify(said), 'test', cacheSchema)
}
