/** The command line: builds the program, runs one command, turns what was thrown into a message and an exit code. */
import { Command, CommanderError } from 'commander'
import type { CommandContext, DefineCommand, GlobalOptions } from './command-context.ts'
import { applyCommand } from './commands/apply.ts'
import { auditCommand } from './commands/audit.ts'
import { checkCommand } from './commands/check.ts'
import { compactCommand } from './commands/compact.ts'
import { demoCommand } from './commands/demo.ts'
import { devCommand } from './commands/dev.ts'
import { discoverCommand } from './commands/discover.ts'
import { featuresCommand } from './commands/features.ts'
import { initCommand } from './commands/init.ts'
import { inspectCommand } from './commands/inspect.ts'
import { linkCommand, unlinkCommand } from './commands/link.ts'
import { listCommand } from './commands/list.ts'
import { planCommand } from './commands/plan.ts'
import { queryCommand } from './commands/query.ts'
import { reconcileCommand } from './commands/reconcile.ts'
import { registerCommand } from './commands/register.ts'
import { removeCommand } from './commands/remove.ts'
import { resyncCommand } from './commands/resync.ts'
import { runCommand } from './commands/run.ts'
import { statusCommand } from './commands/status.ts'
import { transferCommand } from './commands/transfer.ts'
import { vacuumCommand } from './commands/vacuum.ts'
import { errorText } from './error-text.ts'
import { EXIT, type ExitCode, exitCodeOf } from './exit-codes.ts'
import { type Io, processIo } from './io.ts'
import { createRedaction } from './redaction.ts'
import { VERSION } from './version.ts'

/** In the order in which a new user needs them. */
export const COMMANDS: readonly DefineCommand[] = [
  initCommand,
  discoverCommand,
  checkCommand,
  runCommand,
  planCommand,
  applyCommand,
  registerCommand,
  reconcileCommand,
  statusCommand,
  listCommand,
  transferCommand,
  linkCommand,
  unlinkCommand,
  queryCommand,
  inspectCommand,
  featuresCommand,
  compactCommand,
  vacuumCommand,
  removeCommand,
  resyncCommand,
  auditCommand,
  devCommand,
  demoCommand,
]

const FIRST_STEPS = `
First steps:
  portage dev up                          PostgreSQL with sample tables and an S3 endpoint, to try things on
  portage init --from postgres://…        write config/ from a live database
  portage check                           every problem at once
  portage run loans --until-current       copy, follow, register
  portage query "select * from loans.loan limit 5"

Exit codes: 0 ok, 1 failed, 2 usage or configuration, 3 held, 4 difference found.`

/** Runs one command and settles with its exit code; never rejects. `argv` starts with the command. */
export async function main(argv: readonly string[], io: Io = processIo()): Promise<number> {
  const stop = new AbortController()
  let code: ExitCode = EXIT.ok
  const program = new Command('portage')
  const redaction = createRedaction()
  const context: CommandContext = {
    io,
    signal: stop.signal,
    globals: () => program.opts<GlobalOptions>(),
    print: (line) => io.stdout.write(`${line}\n`),
    exit: (asked) => {
      code = asked
    },
    redaction,
  }
  configure(program, context)
  const release = io.onSignal((signal) => {
    if (stop.signal.aborted) return io.kill(signal === 'SIGINT' ? 130 : 143)
    void io.stderr.write(`\n${signal}: stopping in good order; once more ends at once\n`)
    stop.abort(new DOMException(`Stopped by ${signal}`, 'AbortError'))
  })
  try {
    await program.parseAsync([...argv], { from: 'user' })
    return code
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage
    await io.stderr.write(`${redaction.redact(errorText(error, { stack: context.globals().verbose === true }))}\n`)
    return exitCodeOf(error)
  } finally {
    release()
  }
}

function configure(program: Command, context: CommandContext): void {
  const { stdout, stderr } = context.io
  program
    .description('Carries data between operational databases and lakehouses, both ways, and proves that it arrived.')
    .version(VERSION, '--version', 'print the version')
    .option('--config <dir>', 'configuration root', './config')
    .option('--state <dir>', 'local state: caches, spill, the DuckDB file; always rebuildable', './.portage')
    .option('--verbose', 'log more, and show the stack of an error', false)
    .helpOption('-h, --help', 'show help')
    .helpCommand('help [command]', 'show help for a command')
    .addHelpText('after', FIRST_STEPS)
    .showSuggestionAfterError(true)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => void stdout.write(text),
      writeErr: (text) => void stderr.write(text),
      getOutHelpWidth: () => Math.min(stdout.columns(), 120),
      getErrHelpWidth: () => Math.min(stderr.columns(), 120),
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    })
  for (const define of COMMANDS) adopt(program, define(context))
}

/** Added commands keep their own settings in commander; ours inherit the program's, all the way down. */
function adopt(parent: Command, command: Command): void {
  command.copyInheritedSettings(parent)
  for (const child of command.commands) adoptSettings(command, child)
  parent.addCommand(command)
}

function adoptSettings(parent: Command, child: Command): void {
  child.copyInheritedSettings(parent)
  for (const grandchild of child.commands) adoptSettings(child, grandchild)
}
