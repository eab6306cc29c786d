import { Type } from 'typebox'
import { CommandSchema } from './drivers/command.ts'
import { Ec2Schema } from './drivers/ec2.ts'
import { LibvirtSchema } from './drivers/libvirt.ts'
import { OpenStackSchema } from './drivers/openstack.ts'
import { PlainPath } from './fields.ts'

/** Light machines out of Linux namespaces on the gateway host itself. */
const Namespace = Type.Object({
  kind: Type.Literal('namespace'),
  /** The folder at the site host that machines have as their read-only root, unless their type says otherwise. */
  image: PlainPath(),
  /** Folders of the site host that every machine sees too, such as a shared /home. */
  shared: Type.Array(PlainPath(), { default: [] }),
})

/** How a site's machines are made, by the kind of site. */
export const DriverSchema = Type.Union([Namespace, CommandSchema, Ec2Schema, LibvirtSchema, OpenStackSchema])
