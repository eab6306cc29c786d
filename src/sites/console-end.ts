const mostBytes = 65_536

/** What of a console the port hands on: its end, at most 64 KiB of UTF-8, without half a character. */
export function consoleEnd(text: string): string {
  const bytes = Buffer.from(text)
  let start = Math.max(0, bytes.length - mostBytes)
  while (((bytes[start] ?? 0) & 0xc0) === 0x80) start += 1
  return bytes.subarray(start).toString()
}
