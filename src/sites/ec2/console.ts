import type { GetConsoleOutputCommandOutput } from '@aws-sdk/client-ec2'
import { CausewayError } from '../../base/errors.ts'
import { consoleEnd } from '../console-end.ts'
import type { Ec2Api } from './client.ts'
import { ec2Code } from './errors.ts'

/** The end of what an instance printed; `''` when it is gone. @throws CausewayError */
export async function readConsole(api: Ec2Api, instanceId: string): Promise<string> {
  try {
    const { Output = '' } = await ask(api, instanceId)
    return consoleEnd(Buffer.from(Output, 'base64').toString())
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
