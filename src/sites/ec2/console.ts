import type { GetConsoleOutputCommandOutput } from '@aws-sdk/client-ec2'
import { CausewayError } from '../../base/errors.ts'
import type { Ec2Api } from './client.ts'
import { ec2Code } from './errors.ts'

/** Bytes that the port allows. */
const most = 65_536

/** The end of what an instance printed; `''` when it is gone. @throws CausewayError */
export async function readConsole(api: Ec2Api, instanceId: string): Promise<string> {
  try {
    return endOf(await ask(api, instanceId))
  } catch (error) {
    if (error instanceof CausewayError && ec2Code(error).startsWith('InvalidInstanceID.')) return ''
    throw error
  }
}

async function ask(api: Ec2Api, InstanceId: string): Promise<GetConsoleOutputCommandOutput> {
  try {
    return await api.read('GetConsoleOutput', (ec2) => ec2.getConsoleOutput({ InstanceId, Latest: true }))
  } catch (error) {
    // Machines on Xen keep only what was printed around the last start.
    if (!(error instanceof CausewayError) || ec2Code(error) !== 'UnsupportedOperation') throw error
    return await api.read('GetConsoleOutput', (ec2) => ec2.getConsoleOutput({ InstanceId }))
  }
}

function endOf({ Output }: GetConsoleOutputCommandOutput): string {
  // Decoded first, since what is no UTF-8 grows by that.
  const bytes = Buffer.from(Buffer.from(Output ?? '', 'base64').toString())
  let start = Math.max(0, bytes.length - most)
  while (((bytes[start] ?? 0) & 0xc0) === 0x80) start += 1
  return bytes.subarray(start).toString()
}
