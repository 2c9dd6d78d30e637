import { type DefineCommand, defineCommand } from '../command-context.ts'
import { formsText } from '../transfer/address.ts'
import { type GivenOptions, transferOptions } from '../transfer/options.ts'

/** `portage transfer`: one table, query or file to another place, as a whole. */
export const transferCommand: DefineCommand = (context) =>
  defineCommand({
    name: 'transfer',
    description: 'carry one table, query or file to another place; all rows or none',
    examples: [
      [`portage transfer core:public.loan lake:loans --where "status = 'paid'"`, 'database → lake'],
      ['portage transfer file:members.csv lake:member_risk.members --dry-run', 'what would be read as what'],
      ['portage transfer file:may.csv lake:risk.visits --mode append', 'once: a repeat is recognised'],
      ['portage transfer lake:loans file:loans.parquet', 'lake → file'],
      ['portage transfer file:x.csv core:public.x --create', 'file → database'],
    ],
  })
    .argument('<from>', 'address to read from')
    .argument('<to>', 'address to write to')
    .option('--mode <mode>', 'replace or append; default: replace, but must be said for an existing database table')
    .option('--columns <a,b>', 'only these, in this order')
    .option('--where <condition>', 'only such rows; SQL of the source, of DuckDB for files and lakes')
    .option('--dry-run', 'show columns, types, rows and mode; write nothing')
    .option('--create', 'create the database table when it is absent')
    .option('--fill-missing', 'columns that only the target has get their default or NULL')
    .option('--batch <name>', 'name of these rows, instead of a hash of them; a lake takes each batch once')
    .option('--again', 'also when the lake has this batch already')
    .option('--keep-original', 'keep the untouched file in the lake, under <integration>/raw/')
    .option('--register <warehouse>', 'connection that shows the lake table; default: the only warehouse')
    .option(
      '--register-format <format>',
      'of the files for Hive and Spark: orc, parquet or parquet-hive3; default: orc, later as it is shown',
    )
    .option('--no-register', 'leave the warehouse alone')
    .option('--prefix <path>', 'where in the lake; default: where its integrations are, else raw')
    .option('--via <bucket>', 'connection of the bucket that Snowflake unloads into; default: the target, or the only bucket')
    .option(
      '--partition-by <column>',
      'Snowflake: unload by the values of this column, so that files of the target hold few of them',
    )
    .option('--file-format <format>', 'csv, csv.gz or parquet, when the name does not tell')
    .option('--compression <codec>', 'of Parquet: zstd, snappy, gzip, none; default: zstd')
    .option('--on-bad-value <policy>', 'error, or reject: keep the row aside with its line and reason; default: error')
    .option('--rejects <file>', 'where to keep rejected rows, when the target is no lake')
    .option('--types <column=type>', 'CSV: id=int64,amount=decimal(12,2); the rest is inferred; may be given again', collect)
    .option('--delimiter <c>', 'CSV: default: sniffed among , ; tab | ^A')
    .option('--quote <c>', 'CSV: or none; default: "')
    .option('--escape <c>', 'CSV: before a quote inside quotes; default: the quote is doubled')
    .option('--encoding <name>', 'CSV: utf-8, utf-16le, windows-1252, iso-8859-1 …; default: sniffed')
    .option('--header', 'CSV: the first line names the columns; default: sniffed')
    .option('--no-header', 'CSV: the first line is a row')
    .option('--names <a,b>', 'CSV: names of all columns, instead of those of the header')
    .option('--null-values <a,b>', 'CSV: unquoted fields that are NULL, beside the empty one')
    .option('--decimal <c>', 'CSV: point or comma; default: sniffed')
    .option('--thousands <c>', 'CSV: groups the digits of numbers; default: none')
    .option('--date-format <form>', 'CSV: such as %d.%m.%Y; default: ISO-8601, or what the sample shows')
    .option('--timestamp-format <form>', 'CSV: such as %d.%m.%Y %H:%M:%S')
    .option('--assume-utc', 'CSV: timestamps without a zone are UTC where instants are wanted')
    .option('--pad-rows', 'CSV: fields that a row lacks at its end are NULL')
    .option('--sample <size>', 'CSV: what inference looks at, or all; default: 4MiB')
    .option('--json', 'print plan and result as JSON')
    .addHelpText('after', `\n${formsText()}`)
    .action(async (from: string, to: string, given: GivenOptions) => {
      const options = transferOptions(from, to, given)
      const { transferCommand: run } = await import('../transfer/command.ts')
      await run(context, options)
    })

function collect(text: string, before: readonly string[] = []): readonly string[] {
  return [...before, text]
}
