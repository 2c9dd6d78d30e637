import { type DefineCommand, defineCommand } from '../command-context.ts'

/** `portage status`: works with only the lake reachable. */
export const statusCommand: DefineCommand = (context) =>
  defineCommand({
    name: 'status',
    description: 'per table: position, lag, slot health, last commit, registration',
    examples: [
      ['portage status', 'all integrations; needs only the lake'],
      ['portage status loans --json', 'one, for programs'],
    ],
  })
    .argument('[integration]', 'default: all')
    .option('--json', 'print JSON')
    .action(async (integration: string | undefined, { json = false }: { json?: boolean }) => {
      const { printStatus } = await import('../status-command.ts')
      await printStatus(context, { integration, json })
    })
