import { type DefineCommand, defineCommand } from '../command-context.ts'
import { UsageError } from '../exit-codes.ts'

type Options = {
  readonly table?: readonly string[]
  readonly minFiles: string
  readonly targetFile?: string
  readonly olderThan?: string
  readonly renew: string
  readonly dryRun?: true
  readonly json?: true
}

const RENEW = ['auto', 'always', 'never'] as const

/** `portage compact`: needs the lake only; safe beside a run. */
export const compactCommand: DefineCommand = (context) =>
  defineCommand({
    name: 'compact',
    description: 'merge small change files and renew bases, beside a run',
    examples: [
      ['portage compact loans', 'what pays, of every table'],
      ['portage compact loans --dry-run', 'say what would be done and why not more'],
      ["portage compact loans --table 'public.pay*' --renew always", 'some tables, with bases of the newest rows'],
      ['portage compact loans --older-than 1d', 'leave the partitions of today and yesterday alone'],
    ],
  })
    .argument('[integration]', 'default: the only one')
    .option('--table <pattern...>', 'schema.table, * for any; default: all')
    .option('--min-files <n>', 'merge neighbouring small files of a day from this many on', '8')
    .option('--target-file <size>', "size of merged files; default: the lake's target_file")
    .option('--older-than <duration>', 'only partitions whose day ended this long ago; default: all')
    .option('--renew <when>', 'the base: auto (changes reach a tenth of it), always, never', 'auto')
    .option('--dry-run', 'change nothing')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nNo row and no history is lost, and no file: "portage vacuum" deletes what nothing needs any more.')
    .action(async (integration: string | undefined, options: Options) => {
      const { compactNow } = await import('../compact-command.ts')
      const { durationOption, sizeOption } = await import('../maintenance.ts')
      const renew = RENEW.find((each) => each === options.renew)
      if (renew === undefined) throw new UsageError(`--renew "${options.renew}": expected ${RENEW.join(', ')}`)
      if (!/^\d{1,6}$/.test(options.minFiles) || Number(options.minFiles) < 2) {
        throw new UsageError(`--min-files "${options.minFiles}": expected a number from 2 on`)
      }
      await compactNow(context, {
        integration,
        tables: options.table ?? [],
        minFiles: Number(options.minFiles),
        targetFileBytes: options.targetFile === undefined ? null : sizeOption('--target-file', options.targetFile),
        olderThanMs: options.olderThan === undefined ? 0 : durationOption('--older-than', options.olderThan),
        renew,
        dryRun: options.dryRun === true,
        json: options.json === true,
      })
    })
