import type { MessagePort } from 'node:worker_threads'
import { CausewayError, type ErrorCode, toCausewayError } from '../base/errors.ts'
import { type ControllerCalls, controllerCallNames } from './controller-calls.ts'

interface Call {
  readonly call: number
  readonly name: keyof ControllerCalls
  readonly args: readonly unknown[]
}

type Answer =
  | { readonly call: number; readonly ok: true; readonly value: unknown }
  | { readonly call: number; readonly ok: false; readonly code: ErrorCode; readonly message: string }

/** Answers the calls that come over the port. */
export function serveCalls(port: MessagePort, calls: ControllerCalls): void {
  port.on('message', ({ call, name, args }: Call) => {
    const invoke = calls[name] as (...args: readonly unknown[]) => Promise<unknown>
    void invoke.apply(calls, [...args]).then(
      (value) => port.postMessage({ call, ok: true, value } satisfies Answer),
      (thrown: unknown) => {
        const { code, message } = toCausewayError(thrown)
        port.postMessage({ call, ok: false, code, message } satisfies Answer)
      },
    )
  })
}

/** The calls of whoever serves them at the other end of the port. */
export function callsOver(port: MessagePort): ControllerCalls {
  const waiting = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>()
  let last = 0
  port.on('message', (answer: Answer) => {
    const waiter = waiting.get(answer.call)
    waiting.delete(answer.call)
    if (answer.ok) waiter?.resolve(answer.value)
    else waiter?.reject(new CausewayError(answer.code, answer.message))
  })
  port.once('close', () => {
    for (const waiter of waiting.values()) waiter.reject(new CausewayError('Internal', 'the controller has ended'))
    waiting.clear()
  })
  const invoke = (name: keyof ControllerCalls, args: readonly unknown[]) =>
    new Promise<unknown>((resolve, reject) => {
      last += 1
      waiting.set(last, { resolve, reject })
      port.postMessage({ call: last, name, args } satisfies Call)
    })
  const entries = controllerCallNames.map((name) => [name, (...args: unknown[]) => invoke(name, args)] as const)
  return Object.fromEntries(entries) as unknown as ControllerCalls
}
