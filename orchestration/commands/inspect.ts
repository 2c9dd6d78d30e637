import { type DefineCommand, defineCommand } from '../command-context.ts'
import { UsageError } from '../exit-codes.ts'

type Options = { readonly json?: boolean; readonly rows?: string | true; readonly lake?: string }

const DEFAULT_ROWS = 10

/** `portage inspect`: one data file, or a table by its files. */
export const inspectCommand: DefineCommand = (context) =>
  defineCommand({
    name: 'inspect',
    description: 'format, schema, statistics, rows of a data file; partitions and files of a table',
    examples: [
      ['portage inspect part-00000.parquet', 'a file on this machine'],
      ['portage inspect raw/loans/public.loan/base/…/part-00000.parquet', 'a key of the lake'],
      ['portage inspect part-00000.parquet --json', 'everything in its footer'],
      ['portage inspect part-00000.parquet --rows 3', 'rows, one JSON object each'],
      ['portage inspect hive:sales.visits', 'a table of Hive or Spark: columns, partitions, files, rows'],
    ],
  })
    .argument('<file|key|table>', 'a path, a key of the lake, or connection:database.table')
    .option('--json', 'print one JSON object: {format, rows, schema, …}')
    .option('--rows [n]', `print the first n rows (${DEFAULT_ROWS}), one JSON object each`)
    .option('--lake <connection>', 'the lake that has the key; default: the only one')
    .action(async (file: string, { json = false, rows, lake }: Options) => {
      const { inspect } = await import('../inspect.ts')
      await inspect(context, { file, lake, json, rows: rowsOf(rows) })
    })

function rowsOf(rows: Options['rows']): number | null {
  if (rows === undefined) return null
  if (rows === true) return DEFAULT_ROWS
  if (/^\d+$/.test(rows)) return Number(rows)
  throw new UsageError(`--rows ${rows}: expected a whole number`)
}
