/** What every command is given, and what commands share: opening, printing, ending. */
import { Command } from 'commander'
import type { ExitCode } from './exit-codes.ts'
import type { Io } from './io.ts'

export type GlobalOptions = { readonly config: string; readonly state: string; readonly verbose: boolean }

export type CommandContext = {
  readonly io: Io
  /** Aborted by the first SIGINT or SIGTERM. */
  readonly signal: AbortSignal
  readonly globals: () => GlobalOptions
  /** Prints one line to standard output. */
  readonly print: (line: string) => Promise<void>
  /** Ends the command with this code unless something is thrown later. Default: 0. */
  readonly exit: (code: ExitCode) => void
  /** Told of secrets as they are resolved; scrubs what goes to the terminal. */
  readonly redaction: { readonly redact: (text: string) => string; readonly add: (secrets: Iterable<string>) => void }
}

/** One command. Its module imports only what help needs; the rest is imported when the command runs. */
export type DefineCommand = (context: CommandContext) => Command

export type CommandText = {
  readonly name: string
  readonly description: string
  /** Command line and what it does. */
  readonly examples: readonly (readonly [string, string])[]
}

/** A command with its examples in the help. */
export function defineCommand({ name, description, examples }: CommandText): Command {
  const width = Math.max(...examples.map(([line]) => line.length))
  const lines = examples.map(([line, text]) => `  ${line.padEnd(width)}  ${text}`)
  return new Command(name).description(description).addHelpText('after', `\nExamples:\n${lines.join('\n')}`)
}
