import { type DefineCommand, defineCommand } from '../command-context.ts'
import { UsageError } from '../exit-codes.ts'

/** `portage dev`: services of one's own, for trying things. */
export const devCommand: DefineCommand = (context) => {
  const dev = defineCommand({
    name: 'dev',
    description: 'services for trying things',
    examples: [['portage dev up', 'a PostgreSQL server with sample tables, until Ctrl-C']],
  })
  dev.addCommand(
    defineCommand({
      name: 'up',
      description: 'start PostgreSQL with a loan book and a configuration for it; until Ctrl-C',
      examples: [
        ['portage dev up', 'about 40,000 rows'],
        ['portage dev up --scale 1 --port 5440', 'about 400,000 rows, always on the same port'],
      ],
    })
      .option('--scale <factor>', 'size of the loan book', '0.1')
      .option('--port <port>', 'default: a free one')
      .action(async ({ scale, port }: { scale: string; port?: string }) => {
        const { devUp } = await import('../dev/up.ts')
        await devUp(context, {
          scale: positive('--scale', scale, 1000),
          port: port === undefined ? undefined : positive('--port', port, 65_535),
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
