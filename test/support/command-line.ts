/** Runs the command line in this process, with a terminal that remembers. */
import { main } from '../../orchestration/cli.ts'
import type { Io } from '../../orchestration/io.ts'

export type Terminal = {
  readonly io: Io
  readonly stdout: () => string
  readonly stderr: () => string
  /** What Ctrl-C does. */
  readonly interrupt: () => void
  /** Exit codes of processes ended at once. */
  readonly killed: readonly number[]
}

export type TerminalOptions = { readonly env?: Readonly<Record<string, string>>; readonly isTerminal?: boolean }

export function openTerminal({ env = {}, isTerminal = false }: TerminalOptions = {}): Terminal {
  const out: string[] = []
  const err: string[] = []
  const killed: number[] = []
  const listeners = new Set<(signal: string) => void>()
  const output = (to: string[]) => ({
    write: async (chunk: string | Uint8Array) => {
      to.push(typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString('latin1'))
    },
    isTerminal,
    columns: () => 100,
  })
  return {
    io: {
      stdout: output(out),
      stderr: output(err),
      env,
      onSignal: (listener) => {
        listeners.add(listener)
        return () => listeners.delete(listener)
      },
      kill: (code) => killed.push(code),
    },
    stdout: () => out.join(''),
    stderr: () => err.join(''),
    interrupt: () => {
      for (const listener of listeners) listener('SIGINT')
    },
    killed,
  }
}

export type Ended = { readonly code: number; readonly stdout: string; readonly stderr: string }

export async function portage(argv: readonly string[], options: TerminalOptions = {}): Promise<Ended> {
  const terminal = openTerminal(options)
  const code = await main(argv, terminal.io)
  return { code, stdout: terminal.stdout(), stderr: terminal.stderr() }
}
