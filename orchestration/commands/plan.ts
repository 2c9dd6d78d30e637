import { type DefineCommand, defineCommand } from '../command-context.ts'

type Options = { readonly all?: true; readonly json?: true }

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
    .option('--json', 'print JSON')
    .action(async (integration: string | undefined, options: Options) => {
      const { printPlan } = await import('../plan-command.ts')
      await printPlan(context, { integration, all: options.all === true, json: options.json === true })
    })
