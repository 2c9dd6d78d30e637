import { type DefineCommand, defineCommand } from '../command-context.ts'

type Options = { readonly all?: true; readonly deep?: true; readonly json?: true }

/** `portage plan`: what differs between source, lake and warehouses, and what would be done about it. */
export const planCommand: DefineCommand = (context) =>
  defineCommand({
    name: 'plan',
    description: 'columns in source, lake and warehouses, changes, policies and DDL; changes nothing. Exit 3: something is held',
    examples: [
      ['portage plan loans', 'tables that differ, and the DDL'],
      ['portage plan loans --all', 'every table'],
      ['portage plan loans --json', 'for programs, statements in full'],
    ],
  })
    .argument('[integration]', 'default: the only one')
    .option('--all', 'also tables that are the same everywhere')
    .option('--deep', 'also where every partition in Hive and Spark is: a statement each, not only for two a table')
    .option('--json', 'print JSON')
    .action(async (integration: string | undefined, options: Options) => {
      const { printPlan } = await import('../plan-command.ts')
      const { all = false, deep = false, json = false } = options
      await printPlan(context, { integration, all, deep, json })
    })
