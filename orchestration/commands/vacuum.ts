import { type DefineCommand, defineCommand } from '../command-context.ts'

type Options = {
  readonly grace: string
  readonly dropHistoryBefore?: string
  readonly despiteReaders?: true
  readonly dryRun?: true
  readonly json?: true
}

/** `portage vacuum`: needs the lake and the warehouses; safe beside a run. */
export const vacuumCommand: DefineCommand = (context) =>
  defineCommand({
    name: 'vacuum',
    description: 'delete files that nothing needs any more',
    examples: [
      ['portage vacuum loans --dry-run', 'list keys, sizes and reasons; delete nothing'],
      ['portage vacuum loans', 'what was replaced more than a day ago and no warehouse shows'],
      ['portage vacuum loans --grace 7d', 'keep a week for open readers and "query --at"'],
      ['portage vacuum loans --drop-history-before 90d --despite-readers', 'let older changes leave the history; rows stay'],
    ],
  })
    .argument('[integration]', 'default: the only one')
    .option('--grace <duration>', 'how long replaced and abandoned files stay', '24h')
    .option('--drop-history-before <age>', "shorten the history of changes; default: the YAML's retention, else never")
    .option('--despite-readers', 'although warehouses or feature tables read the history')
    .option('--dry-run', 'list what would be deleted')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      '\nNothing is deleted while a warehouse cannot say which commit it shows. Every vacuum that deletes is in the audit trail.',
    )
    .action(async (integration: string | undefined, options: Options) => {
      const { vacuumNow } = await import('../vacuum-command.ts')
      const { durationOption } = await import('../maintenance.ts')
      const { dropHistoryBefore } = options
      await vacuumNow(context, {
        integration,
        graceMs: durationOption('--grace', options.grace),
        dropHistoryMs: dropHistoryBefore === undefined ? null : durationOption('--drop-history-before', dropHistoryBefore),
        despiteReaders: options.despiteReaders === true,
        dryRun: options.dryRun === true,
        json: options.json === true,
      })
    })
