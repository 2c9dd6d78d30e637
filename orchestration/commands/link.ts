import { type DefineCommand, defineCommand } from '../command-context.ts'

type Options = { readonly replace?: true; readonly dryRun?: true; readonly json?: true }

/** `portage link`: files that another system wrote, as an external table. */
export const linkCommand: DefineCommand = (context) =>
  defineCommand({
    name: 'link',
    description: 'show a table whose files another system keeps as an external table; again: bring it up to date',
    examples: [
      ['portage link hive:raw.visits snowflake:raw.visits', 'files and partitions of a Hive table'],
      ['portage link s3://lake/visits/ snowflake:raw.visits', 'a directory of Parquet or ORC files, key=value below it'],
      ['portage link hive:raw.visits snowflake:raw.visits --dry-run', 'print the statements, run none'],
    ],
  })
    .argument('<from>', 'table of a connection that keeps files, or s3://bucket/directory/')
    .argument('<to>', 'connection:schema.table of a warehouse')
    .option('--replace', 'consent: drop the table and make it again where nothing less will do')
    .option('--dry-run', 'print what would be done')
    .option('--json', 'print JSON')
    .action(async (from: string, to: string, options: Options) => {
      const { linkNow } = await import('../link-command.ts')
      const { replace, dryRun, json } = options
      await linkNow(context, { from, to, replace: replace === true, dryRun: dryRun === true, json: json === true })
    })

/** `portage unlink`: drops what `link` made. */
export const unlinkCommand: DefineCommand = (context) =>
  defineCommand({
    name: 'unlink',
    description: 'drop an external table that "portage link" made; files stay',
    examples: [['portage unlink snowflake:raw.visits', 'nothing else is dropped']],
  })
    .argument('<table>', 'connection:schema.table of a warehouse')
    .option('--dry-run', 'print what would be done')
    .option('--json', 'print JSON')
    .action(async (table: string, options: Options) => {
      const { unlinkNow } = await import('../link-command.ts')
      await unlinkNow(context, { table, dryRun: options.dryRun === true, json: options.json === true })
    })
