import { type DefineCommand, defineCommand } from '../command-context.ts'
import { UsageError } from '../exit-codes.ts'

type Options = { readonly all?: true; readonly where?: string; readonly json?: true }

/** `portage resync`: the way out after a lost slot, another server, or a table that cannot be continued. */
export const resyncCommand: DefineCommand = (context) =>
  defineCommand({
    name: 'resync',
    description: 'copy tables again while others go on, keeping their history',
    examples: [
      ['portage resync loans public.payment', 'one table, beside a run that is at work or with the next'],
      [
        `portage resync loans public.payment --where "loan_id = 7"`,
        'only rows of the source that match, at once; rows that it no longer has stay as they are',
      ],
      ['portage resync loans --all', 'every table, with a new slot: after a lost slot or a restored server'],
    ],
  })
    .argument('<integration>')
    .argument('[tables...]', 'as schema.table, or patterns')
    .option('--all', 'every table, and a new replication slot')
    .option(
      '--where <condition>',
      'of one table with a key, in the language of tables.<t>.where: what matches replaces those keys',
    )
    .option('--json', 'with --where: print what was taken as JSON')
    .action(async (integration: string, tables: readonly string[], options: Options) => {
      if (options.where !== undefined) {
        const { resyncRowsNow } = await import('../resync-rows-command.ts')
        return await resyncRowsNow(context, {
          integration,
          tables,
          where: options.where,
          all: options.all === true,
          json: options.json === true,
        })
      }
      if (options.json === true) throw new UsageError('--json is for --where only')
      const { resyncNow } = await import('../resync-command.ts')
      await resyncNow(context, { integration, tables, all: options.all === true })
    })
