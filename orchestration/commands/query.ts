import { InvalidArgumentError } from 'commander'
import { type DefineCommand, defineCommand } from '../command-context.ts'

type Options = { readonly connection?: string; readonly format?: string; readonly at?: number; readonly integration?: string }

/** `portage query`: one statement on a warehouse. */
export const queryCommand: DefineCommand = (context) =>
  defineCommand({
    name: 'query',
    description: 'ask the registered tables by SQL',
    examples: [
      ['portage query "select count(*) from loans.loan"', 'the current rows of a table'],
      ['portage query "select * from loans.loan_changes limit 9"', 'its history'],
      ['portage query "from loans.client" --format csv', 'also: table, json, arrow, parquet'],
      ['portage query "from loans.loan" --at 42', 'the tables as of commit 42 of the log'],
      ['portage query "show all tables"', 'what there is'],
    ],
  })
    .argument('<sql>', "one statement, in the warehouse's dialect")
    .option('--connection <name>', 'default: the only warehouse of the integrations')
    .option('--format <format>', 'table, csv, json, arrow, parquet; default: table on a terminal, else csv')
    .option('--at <commit>', 'the tables as of this commit, read from the lake itself', commitNumber)
    .option('--integration <name>', 'whose commit --at means; default: the only one')
    .action(async (sql: string, { connection, format, at, integration }: Options) => {
      const { queryWarehouse } = await import('../query-command.ts')
      await queryWarehouse(context, { sql, connection, format, at: at ?? null, integration })
    })

function commitNumber(text: string): number {
  if (/^[1-9]\d{0,14}$/.test(text)) return Number(text)
  throw new InvalidArgumentError('expected the number of a commit; "portage status" shows the newest')
}
