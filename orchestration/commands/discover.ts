import { type DefineCommand, defineCommand } from '../command-context.ts'

/** `portage discover`: what a source has; changes nothing. */
export const discoverCommand: DefineCommand = (context) =>
  defineCommand({
    name: 'discover',
    description: 'tables of a connection: keys, sizes, replica identities, advice',
    examples: [
      ['portage discover core', 'every table'],
      ["portage discover core --tables 'public.*' '!public.tmp_*'", 'some of them'],
      ['portage discover core --json', 'with columns and advice, for programs'],
    ],
  })
    .argument('<connection>', 'a name of connections.yaml')
    .option('--tables <patterns...>', 'schema.table, * within a segment, ! excludes', ['*.*'])
    .option('--json', 'print JSON')
    .action(async (connection: string, { tables, json = false }: { tables: readonly string[]; json?: boolean }) => {
      const { discover } = await import('../discover.ts')
      await discover(context, { connection, tables, json })
    })
