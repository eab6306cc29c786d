import { once } from 'node:events'
import { createInterface } from 'node:readline'

/** Asks at the terminal; anything but yes is no. */
export async function yesOrNo(question: string): Promise<boolean> {
  return (await words(`${question} [yes/no]`)).toLowerCase() === 'yes'
}

/** Asks at the terminal; no answer is the empty string. */
export async function words(question: string): Promise<string> {
  // Lines are the terminal's own affair: what is typed ahead of the next question is not taken with this answer.
  const terminal = createInterface({ input: process.stdin, output: process.stderr, terminal: false })
  try {
    terminal.setPrompt(`${question} `)
    terminal.prompt()
    const [answer] = (await Promise.race([once(terminal, 'line'), once(terminal, 'close')])) as [string?]
    return answer?.trim() ?? ''
  } finally {
    terminal.close()
  }
}
