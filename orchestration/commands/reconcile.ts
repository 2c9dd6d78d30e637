import { type DefineCommand, defineCommand } from '../command-context.ts'

type Options = {
  readonly table?: readonly string[]
  readonly sample?: string
  readonly deep?: true
  readonly json?: true
}

/** `portage reconcile`: proves that the lake and the warehouses hold what the source holds. */
export const reconcileCommand: DefineCommand = (context) =>
  defineCommand({
    name: 'reconcile',
    description: 'compare source, lake and warehouses at one position; exit 4 and the keys when they differ',
    examples: [
      ['portage reconcile loans', 'every table, while "portage run loans" goes on'],
      ['portage reconcile loans --table public.payment', 'one table; may be repeated'],
      ['portage reconcile loans --sample 5%', 'one key in twenty, the same ones each time'],
      ['portage reconcile loans --deep', 'every value on this side of the wire, every byte of every file'],
    ],
  })
    .argument('[integration]', 'default: the only one')
    .option('--table <schema.table>', 'compare this table only', (table: string, before: readonly string[] = []) => [
      ...before,
      table,
    ])
    .option('--sample <share>', 'compare a share of the keys, such as 5% or 0.05')
    .option('--deep', 'masked columns too, and the SHA-256 of every file')
    .option('--json', 'print the report as JSON')
    .action(async (integration: string | undefined, options: Options) => {
      const { reconcileNow } = await import('../reconcile-command.ts')
      await reconcileNow(context, {
        integration,
        tables: options.table ?? null,
        sample: options.sample ?? null,
        deep: options.deep === true,
        json: options.json === true,
      })
    })
