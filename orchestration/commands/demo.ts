import { type DefineCommand, defineCommand } from '../command-context.ts'
import { UsageError } from '../exit-codes.ts'

/** `portage demo`: the whole way on an embedded default. */
export const demoCommand: DefineCommand = (context) =>
  defineCommand({
    name: 'demo',
    description: 'the whole way at once: embedded PostgreSQL, lake, DuckDB, compared row by row',
    examples: [
      ['portage demo', 'under 90 seconds; needs nothing installed'],
      ['portage demo --s3', 'the lake in a bucket of an S3 endpoint that is started with it'],
      ['portage demo --s3 --snowflake', 'the same shown by a local Snowflake endpoint; faults, damage, the way back'],
    ],
  })
    .option('--s3', 'put the lake into a bucket instead of a directory', false)
    .option('--snowflake', 'with --s3: Snowflake as the warehouse, a local endpoint', false)
    .action(async ({ s3, snowflake }: { s3: boolean; snowflake: boolean }) => {
      if (snowflake) {
        if (!s3) throw new UsageError('--snowflake goes with --s3: Snowflake reads lakes in buckets')
        const { runSnowflakeDemo } = await import('../demo/snowflake-demo.ts')
        context.exit(await runSnowflakeDemo({ io: context.io, signal: context.signal }))
        return
      }
      const { runDemo } = await import('../demo/demo.ts')
      context.exit(await runDemo({ io: context.io, signal: context.signal, lake: s3 ? 'bucket' : 'directory' }))
    })
