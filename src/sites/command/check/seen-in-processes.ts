import { readdir, readFile } from 'node:fs/promises'

/** How often the processes are looked at, ms. */
const everyMs = 5

/**
 * Looks whether a text can be read in the command line or the environment of any process of this machine, now and until
 * something is over.
 * @returns where it was seen: `the command line of NAME`, each once
 */
export async function seenInProcesses(text: string, during: Promise<unknown>): Promise<readonly string[]> {
  const seen = new Set<string>()
  const watching = new AbortController()
  const end = () => watching.abort()
  // Whoever waits for it below hears of a failure, not the process as a whole meanwhile.
  during.then(end, end)
  while (!watching.signal.aborted) {
    for (const where of await look(text)) seen.add(where)
    await new Promise((resolve) => setTimeout(resolve, everyMs))
  }
  await during
  for (const where of await look(text)) seen.add(where)
  return [...seen]
}

async function look(text: string): Promise<string[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name))
  const found = await Promise.all(
    pids.flatMap((pid) =>
      (['cmdline', 'environ'] as const).map(async (file) => {
        const content = await read(`/proc/${pid}/${file}`)
        if (!content.includes(text)) return []
        const name = (await read(`/proc/${pid}/comm`)).trim()
        return [`the ${file === 'cmdline' ? 'command line' : 'environment'} of ${name || `process ${pid}`}`]
      }),
    ),
  )
  return found.flat()
}

/** A file of a process; nothing of one that has ended, or is somebody else's. */
async function read(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch {
    return ''
  }
}
