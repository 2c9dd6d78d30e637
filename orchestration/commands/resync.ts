import { type DefineCommand, defineCommand } from '../command-context.ts'

type Options = { readonly all?: true }

/** `portage resync`: the way out after a lost slot, another server, or a table that cannot be continued. */
export const resyncCommand: DefineCommand = (context) =>
  defineCommand({
    name: 'resync',
    description: 'copy tables again while others go on, keeping their history',
    examples: [
      ['portage resync loans public.payment', 'one table, beside a run that is at work or with the next'],
      ['portage resync loans --all', 'every table, with a new slot: after a lost slot or a restored server'],
    ],
  })
    .argument('<integration>')
    .argument('[tables...]', 'as schema.table, or patterns')
    .option('--all', 'every table, and a new replication slot')
    .action(async (integration: string, tables: readonly string[], options: Options) => {
      const { resyncNow } = await import('../resync-command.ts')
      await resyncNow(context, { integration, tables, all: options.all === true })
    })
