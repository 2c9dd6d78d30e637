import { type DefineCommand, defineCommand } from '../command-context.ts'
import { UsageError } from '../exit-codes.ts'

const LIMITS = `
Both listen on 127.0.0.1 only, with random passwords and keys that are kept below the state directory. They are for trying
things: one process, no replication, and a power cut may take what was written last. The S3 endpoint knows no versions,
no policies or access lists, no lifecycle, no tags, no object locks and no TLS; what it does not know it refuses.`

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
      ],
    })
      .option('--scale <factor>', 'size of the loan book', '0.1')
      .option('--port <port>', 'of PostgreSQL; default: a free one')
      .option('--s3-port <port>', 'of the S3 endpoint; default: a free one')
      .addHelpText('after', LIMITS)
      .action(async ({ scale, port, s3Port }: { scale: string; port?: string; s3Port?: string }) => {
        const { devUp } = await import('../dev/up.ts')
        await devUp(context, {
          scale: positive('--scale', scale, 1000),
          port: port === undefined ? undefined : positive('--port', port, 65_535),
          s3Port: s3Port === undefined ? undefined : positive('--s3-port', s3Port, 65_535),
        })
      }),
  )
  return dev
}

function positive(option: string, text: string, most: number): number {
  const value = Number(text)
  if (value > 0 && value <= most) return value
  throw new UsageError(`${option} ${text}: expected a number above 0, at most ${most}`)
}
