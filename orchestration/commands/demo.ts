import { type DefineCommand, defineCommand } from '../command-context.ts'

/** `portage demo`: the whole way on an embedded default. */
export const demoCommand: DefineCommand = (context) =>
  defineCommand({
    name: 'demo',
    description: 'the whole way at once: embedded PostgreSQL, lake, DuckDB, compared row by row',
    examples: [['portage demo', 'under 90 seconds; needs nothing installed']],
  }).action(async () => {
    const { runDemo } = await import('../demo/demo.ts')
    context.exit(await runDemo({ io: context.io, signal: context.signal }))
  })
