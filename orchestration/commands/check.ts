import { type DefineCommand, defineCommand } from '../command-context.ts'

/** `portage check`: connects to everything, changes nothing, lists every problem at once. */
export const checkCommand: DefineCommand = (context) =>
  defineCommand({
    name: 'check',
    description: 'connect to everything and list every problem at once',
    examples: [
      ['portage check', 'all integrations'],
      ['portage check loans', 'one'],
      ['portage check --json', 'for programs; exit code 1 when there is an error'],
    ],
  })
    .argument('[integration]', 'default: all')
    .option('--json', 'print JSON')
    .action(async (integration: string | undefined, { json = false }: { json?: boolean }) => {
      const { check } = await import('../check.ts')
      await check(context, { integration, json })
    })
