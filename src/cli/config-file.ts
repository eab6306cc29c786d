/** Where the controller's configuration is unless `--config` says otherwise: `$CAUSEWAY_CONFIG`, or the usual place. */
export function defaultConfigFile(): string {
  return process.env.CAUSEWAY_CONFIG ?? '/etc/causeway/causeway.yaml'
}
