import { Value } from 'typebox/value'
import { type LibvirtConfig, LibvirtSchema } from '../../../src/config/drivers/libvirt.ts'

/** Settings of a site with libvirt as the loader gives them, out of what a file would say. */
export function libvirtConfig(settings: Readonly<Record<string, unknown>> = {}): LibvirtConfig {
  const file = { kind: 'libvirt', image: '/images/base.qcow2', accelerator: 'tcg', shutdown: '0s', ...settings }
  return Value.Decode(LibvirtSchema, Value.Default(LibvirtSchema, file))
}
