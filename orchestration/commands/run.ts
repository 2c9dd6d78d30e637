import { Option } from 'commander'
import { type DefineCommand, defineCommand } from '../command-context.ts'

type Options = {
  readonly once?: true
  readonly untilCurrent?: true
  readonly metrics?: string
  readonly dryRun?: true
  readonly takeOver: boolean
  readonly json?: true
}

const HELD = `
--once and --until-current end with 3 while a warehouse keeps a table at an older shape: see "portage plan".`

/** `portage run`: snapshot what is missing, follow, commit, acknowledge, register. */
export const runCommand: DefineCommand = (context) =>
  defineCommand({
    name: 'run',
    description: 'copy what is missing, follow the source, commit, register',
    examples: [
      ['portage run loans', 'until Ctrl-C; another Ctrl-C ends at once'],
      ['portage run loans --once', 'what the source holds now, then end'],
      ['portage run loans --until-current', 'until the source has nothing more'],
      ['portage run loans --metrics 127.0.0.1:9464', '/health, /ready and /metrics'],
      ['portage run loans --no-take-over', 'fail when another run holds the slot'],
    ],
  })
    .addHelpText('after', HELD)
    .argument('[integration]', 'default: the only one')
    .addOption(new Option('--once', 'end at what the source holds at the start').conflicts('untilCurrent'))
    .option('--until-current', 'end when the source has nothing more to send')
    .option('--metrics <host:port>', 'serve /health, /ready and /metrics')
    .option('--dry-run', 'say what would be done, change nothing')
    .option('--take-over', 'take the slot from another run where permitted (default)', true)
    .option('--no-take-over', 'leave a slot that is in use alone, and fail')
    .option('--json', 'print the summary as JSON')
    .action(async (integration: string | undefined, options: Options) => {
      const { runCommand: run } = await import('../run-attempts.ts')
      await run(context, {
        integration,
        mode: options.once === true ? 'once' : options.untilCurrent === true ? 'until-current' : 'forever',
        metrics: options.metrics ?? null,
        dryRun: options.dryRun === true,
        takeOver: options.takeOver,
        json: options.json === true,
      })
    })
