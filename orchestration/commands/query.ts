import { type DefineCommand, defineCommand } from '../command-context.ts'

type Options = { readonly connection?: string; readonly format?: string }

/** `portage query`: one statement on a warehouse. */
export const queryCommand: DefineCommand = (context) =>
  defineCommand({
    name: 'query',
    description: 'ask the registered tables by SQL',
    examples: [
      ['portage query "select count(*) from loans.loan"', 'the current rows of a table'],
      ['portage query "select * from loans.loan_changes limit 9"', 'its history'],
      ['portage query "from loans.client" --format csv', 'also: table, json, arrow, parquet'],
      ['portage query "show all tables"', 'what there is'],
    ],
  })
    .argument('<sql>', "one statement, in the warehouse's dialect")
    .option('--connection <name>', 'default: the only warehouse of the integrations')
    .option('--format <format>', 'table, csv, json, arrow, parquet; default: table on a terminal, else csv')
    .action(async (sql: string, { connection, format }: Options) => {
      const { queryWarehouse } = await import('../query-command.ts')
      await queryWarehouse(context, { sql, connection, format })
    })
