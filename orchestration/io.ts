/** The terminal as a command sees it, so that tests can be one. */
import { once } from 'node:events'
import type { Writable } from 'node:stream'

export type Output = {
  /** Settles when the receiver takes more: awaiting it is the back-pressure. */
  readonly write: (chunk: string | Uint8Array) => Promise<void>
  readonly isTerminal: boolean
  /** Terminal columns; 80 where there is no terminal. */
  readonly columns: () => number
}

export type Io = {
  readonly stdout: Output
  readonly stderr: Output
  readonly env: Readonly<Record<string, string | undefined>>
  /** Calls the listener for each SIGINT and SIGTERM until the returned function is called. */
  readonly onSignal: (listener: (signal: string) => void) => () => void
  /** Ends the process at once: the second signal asks for it. */
  readonly kill: (exitCode: number) => void
}

/** The real terminal. A closed pipe (`portage query … | head`) ends the process quietly. */
export function processIo(): Io {
  return {
    stdout: outputOf(process.stdout),
    stderr: outputOf(process.stderr),
    env: process.env,
    onSignal: (listener) => {
      process.on('SIGINT', listener)
      process.on('SIGTERM', listener)
      return () => {
        process.off('SIGINT', listener)
        process.off('SIGTERM', listener)
      }
    },
    kill: (exitCode) => process.exit(exitCode),
  }
}

function outputOf(stream: Writable & { readonly isTTY?: boolean; readonly columns?: number }): Output {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(process.exitCode ?? 0)
    throw error
  })
  return {
    write: async (chunk) => {
      if (!stream.write(chunk)) await once(stream, 'drain')
    },
    isTerminal: stream.isTTY === true,
    // Some pseudo terminals say 0.
    columns: () => stream.columns || 80,
  }
}
