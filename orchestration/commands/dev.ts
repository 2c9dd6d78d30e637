import { type DefineCommand, defineCommand } from '../command-context.ts'
import { UsageError } from '../exit-codes.ts'

const LIMITS = `
They listen on 127.0.0.1 only, with random passwords and keys that are kept below the state directory. They are for trying
things: one process, no replication, and a power cut may take what was written last. The S3 endpoint knows no versions,
no policies or access lists, no lifecycle, no tags, no object locks and no TLS; what it does not know it refuses.
The Snowflake endpoint speaks the protocol of Snowflake's drivers over plain HTTP (JSON results, no Arrow, no PUT or GET) and
the part of its SQL that registration, transfers, dbt and an analyst need, on DuckDB; a statement that it does not know is a
syntax error. Its tables, views, roles and grants are kept in memory until Ctrl-C. It is no measure of Snowflake's speed or cost.`

/** `portage dev`: services of one's own, for trying things. */
export const devCommand: DefineCommand = (context) => {
  const dev = defineCommand({
    name: 'dev',
    description: 'services for trying things',
    examples: [['portage dev up', 'a PostgreSQL server with sample tables and an S3 endpoint, until Ctrl-C']],
  })
  dev.addCommand(
    defineCommand({
      name: 'up',
      description: 'start PostgreSQL with a loan book, an S3 endpoint, and a configuration for both; until Ctrl-C',
      examples: [
        ['portage dev up', 'about 40,000 rows'],
        ['portage dev up --scale 1 --port 5440 --s3-port 9440', 'about 400,000 rows, always on the same ports'],
        ['portage dev up --snowflake', 'with a Snowflake endpoint that reads the bucket'],
      ],
    })
      .option('--scale <factor>', 'size of the loan book', '0.1')
      .option('--port <port>', 'of PostgreSQL; default: a free one')
      .option('--s3-port <port>', 'of the S3 endpoint; default: a free one')
      .option('--snowflake', 'with a Snowflake endpoint')
      .option('--snowflake-port <port>', 'of the Snowflake endpoint; default: a free one')
      .addHelpText('after', LIMITS)
      .action(async (given: DevUpOptions) => {
        if (given.snowflakePort !== undefined && given.snowflake !== true) {
          throw new UsageError('--snowflake-port: expected together with --snowflake')
        }
        const { devUp } = await import('../dev/up.ts')
        await devUp(context, {
          scale: positive('--scale', given.scale, 1000),
          port: portOf('--port', given.port),
          s3Port: portOf('--s3-port', given.s3Port),
          snowflake: given.snowflake === true,
          snowflakePort: portOf('--snowflake-port', given.snowflakePort),
        })
      }),
  )
  return dev
}

type DevUpOptions = {
  readonly scale: string
  readonly port?: string
  readonly s3Port?: string
  readonly snowflake?: boolean
  readonly snowflakePort?: string
}

function portOf(option: string, text: string | undefined): number | undefined {
  return text === undefined ? undefined : positive(option, text, 65_535)
}

function positive(option: string, text: string, most: number): number {
  const value = Number(text)
  if (value > 0 && value <= most) return value
  throw new UsageError(`${option} ${text}: expected a number above 0, at most ${most}`)
}
