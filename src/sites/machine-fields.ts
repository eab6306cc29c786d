import { CausewayError } from '../base/errors.ts'

/** Names, ids and clusters: what can be a file's name, and stands in a line of words. */
export function checkName(field: string, value: string): string {
  return check(field, value, /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/)
}

/** Refuses ids that could not be a folder's name. @throws CausewayError `InvalidRequest` */
export function checkId(id: string): string {
  return checkName('id', id)
}

/** Names of network devices. @throws CausewayError `InvalidRequest` */
export function checkDevice(field: string, value: string): string {
  return check(field, value, /^[A-Za-z0-9][A-Za-z0-9._-]{0,14}$/)
}

/** MAC addresses, lower-case. @throws CausewayError `InvalidRequest` */
export function checkMac(value: string): string {
  return check('nic.mac', value, /^([0-9a-f]{2}:){5}[0-9a-f]{2}$/)
}

/** Absolute paths without blanks. @throws CausewayError `InvalidRequest` */
export function checkPath(field: string, value: string): string {
  return check(field, value, /^\/[A-Za-z0-9._/@+-]*$/)
}

/** Refuses a field of a machine whose value has another form. @throws CausewayError `InvalidRequest` naming the field */
export function check(field: string, value: string, form: RegExp): string {
  if (form.test(value)) return value
  throw new CausewayError('InvalidRequest', `${field} of a machine is not acceptable: ${JSON.stringify(value)}`)
}
