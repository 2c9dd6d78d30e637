import { type DefineCommand, defineCommand } from '../command-context.ts'

/** `portage demo`: the whole way on an embedded default. */
export const demoCommand: DefineCommand = (context) =>
  defineCommand({
    name: 'demo',
    description: 'the whole way at once: embedded PostgreSQL, lake, DuckDB, compared row by row',
    examples: [
      ['portage demo', 'under 90 seconds; needs nothing installed'],
      ['portage demo --s3', 'the lake in a bucket of an S3 endpoint that is started with it'],
    ],
  })
    .option('--s3', 'put the lake into a bucket instead of a directory', false)
    .action(async ({ s3 }: { s3: boolean }) => {
      const { runDemo } = await import('../demo/demo.ts')
      context.exit(await runDemo({ io: context.io, signal: context.signal, lake: s3 ? 'bucket' : 'directory' }))
    })
