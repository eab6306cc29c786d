import { close, constants, open, read, write } from 'node:fs'

/*
 * Files by their descriptors: a `FileHandle` costs more at each step, and closes itself at a moment of its own choosing.
 */

export function openToRead(path: string): Promise<number> {
  return opened(path, constants.O_RDONLY)
}

export function openToWrite(path: string): Promise<number> {
  return opened(path, constants.O_RDWR)
}

/** A file that was not there before. */
export function createFile(path: string): Promise<number> {
  return opened(path, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL)
}

function opened(path: string, flags: number): Promise<number> {
  return new Promise((resolve, reject) => {
    open(path, flags, 0o644, (error, fd) => (error ? reject(error) : resolve(fd)))
  })
}

/** Reads until `into` is full or the file ends; resolves to how many bytes. */
export async function readAll(fd: number, into: Buffer, position: number): Promise<number> {
  let done = 0
  while (done < into.length) {
    const bytes = await readSome(fd, into, done, position + done)
    if (bytes === 0) break
    done += bytes
  }
  return done
}

function readSome(fd: number, into: Buffer, offset: number, position: number): Promise<number> {
  return new Promise((resolve, reject) => {
    read(fd, into, offset, into.length - offset, position, (error, bytes) => (error ? reject(error) : resolve(bytes)))
  })
}

export async function writeAll(fd: number, chunk: Buffer, position: number): Promise<void> {
  for (let done = 0; done < chunk.length; ) done += await writeSome(fd, chunk, done, position + done)
}

function writeSome(fd: number, chunk: Buffer, offset: number, position: number): Promise<number> {
  return new Promise((resolve, reject) => {
    write(fd, chunk, offset, chunk.length - offset, position, (error, bytes) =>
      error ? reject(error) : resolve(bytes),
    )
  })
}

/** Closes a descriptor. What could fail then has been told by the writes. */
export function closeFile(fd: number): Promise<void> {
  return new Promise((resolve) => close(fd, () => resolve()))
}

/** Whether a failure says that there is no such file. */
export function isMissing(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'ENOENT'
}
