import { once } from 'node:events'
import { createInterface } from 'node:readline'

/** Asks at the terminal; anything but yes is no. */
export async function yesOrNo(question: string): Promise<boolean> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr })
  try {
    terminal.setPrompt(`${question} [yes/no] `)
    terminal.prompt()
    const [answer] = (await Promise.race([once(terminal, 'line'), once(terminal, 'close')])) as [string?]
    return answer?.trim().toLowerCase() === 'yes'
  } finally {
    terminal.close()
  }
}
