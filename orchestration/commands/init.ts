import { type DefineCommand, defineCommand } from '../command-context.ts'

type Options = { readonly from?: string; readonly name?: string; readonly tables?: readonly string[] }

/** `portage init`: scaffolds the configuration root; refuses to overwrite. */
export const initCommand: DefineCommand = (context) =>
  defineCommand({
    name: 'init',
    description: 'write config/ from a live database: annotated, with risky columns and their cure',
    examples: [
      ['portage init --from postgres://me@db.example/core', 'look at that database'],
      ["portage init --from core --name cards --tables 'cards.*'", 'one more integration of a connection'],
      ['portage init', 'a template to fill in'],
    ],
  })
    .option('--from <url|connection>', 'postgres://… or a name of connections.yaml')
    .option('--name <integration>', 'default: the name of the database')
    .option('--tables <patterns...>', 'schema.table, * within a segment, ! excludes; default: every table')
    .action(async ({ from, name, tables = [] }: Options) => {
      const { init } = await import('../init.ts')
      await init(context, { from, name, tables })
    })
