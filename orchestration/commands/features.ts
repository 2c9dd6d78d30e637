import { type DefineCommand, defineCommand } from '../command-context.ts'

type TryOptions = { readonly changes: string; readonly reads: string; readonly engine: string; readonly json?: boolean }

/** `portage features`: what feature definitions say about data. */
export const featuresCommand: DefineCommand = (context) => {
  const features = defineCommand({
    name: 'features',
    description: 'feature definitions: one for stream, SQL and training',
    examples: [
      ['portage features list', 'the views and what they hold'],
      ['portage features try client_loans --changes c.jsonl --reads r.jsonl', 'evaluate one on a file'],
    ],
  })
  features.addCommand(
    defineCommand({
      name: 'list',
      description: 'the feature views that ship, with their hashes',
      examples: [
        ['portage features list', 'a table of features'],
        ['portage features list --json', 'definitions, which "try" takes back'],
      ],
    })
      .option('--json', 'print the definitions')
      .action(async ({ json = false }: { readonly json?: boolean }) => {
        const { listFeatures } = await import('../features-list.ts')
        await listFeatures(context, { json })
      }),
  )
  features.addCommand(
    defineCommand({
      name: 'try',
      description: 'evaluate a definition on a file of changes; no services',
      examples: [
        ['portage features try client_loans --changes c.jsonl --reads r.jsonl', 'a table'],
        ['portage features try client_loans --changes c.jsonl --reads r.jsonl --json', 'one JSON object per read'],
        ['portage features try ./view.json --changes c.jsonl --reads r.jsonl', 'a definition of your own: .json or .ts'],
      ],
    })
      .argument('<view>', 'name of a view, canonical JSON file, or module that exports one (module#view)')
      .requiredOption('--changes <file>', 'one JSON object per line: position, committed_at, table, op, key, old_key, row')
      .requiredOption('--reads <file>', 'one JSON object per line: entity, as_of, after_lines')
      .option('--engine <engine>', 'memory, or sql: the generated SQL on DuckDB', 'memory')
      .option('--json', 'print one JSON object per read')
      .action(async (view: string, { changes, reads, engine, json = false }: TryOptions) => {
        const { tryFeatures } = await import('../features-try.ts')
        await tryFeatures(context, { view, changes, reads, engine, json })
      }),
  )
  return features
}
