/** How a command is run on a host. */
export interface ExecOptions {
  /** Bytes for the command's standard input; secrets go here, never into argv. */
  readonly stdin?: string | Uint8Array
  /** Milliseconds until the command is given up (`CommandTimeout`). Default 30 000. */
  readonly timeoutMs?: number
}

/** How a command ended. A non-zero `code` is an answer, not an error. */
export interface ExecResult {
  /** Exit status; 128 + the signal's number when a signal ended it. */
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/**
 * The port to a host on which commands run: over SSH, or on this machine.
 *
 * Contract:
 * - `argv` is an argument vector; no argument is ever interpreted by a shell, whatever characters it has.
 * - Commands run with `LC_ALL=C`, as the configured user (root unless said otherwise), with an empty stdin by default.
 * - Any exit status resolves. Rejections are `HostUnreachable` (no connection, or it broke: the command may or may not
 *   have run), `HostKeyMismatch`, `Unauthorized`, `CommandTimeout`, `CommandFailed` (the program does not exist: 127 is
 *   NOT such a case, it resolves), `MalformedOutput` (more than 64 MiB of output).
 * - Calls may overlap; each is independent. A broken connection is made anew by the next call.
 */
export interface Host {
  /** The name used in messages: the site's name, or `head`. */
  readonly name: string
  exec(argv: readonly string[], options?: ExecOptions): Promise<ExecResult>
  /** Closes what is kept open. Later `exec` calls reject with `HostUnreachable`. */
  close(): Promise<void>
}
