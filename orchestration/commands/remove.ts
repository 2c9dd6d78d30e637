import { type DefineCommand, defineCommand } from '../command-context.ts'

/** `portage remove`: prints what it will do, and does it only with `--yes`. */
export const removeCommand: DefineCommand = (context) =>
  defineCommand({
    name: 'remove',
    description: 'drop slot, publication and registration; data only with --data',
    examples: [
      ['portage remove loans', 'say what would be removed'],
      ['portage remove loans --yes', 'remove it, keep the lake'],
      ['portage remove loans --data --yes', 'delete its part of the lake too'],
    ],
  })
    .argument('<integration>', 'a name of config/integrations')
    .option('--data', "delete the integration's data and commit log from the lake")
    .option('--yes', 'do it')
    .action(async (integration: string, { data = false, yes = false }: { data?: boolean; yes?: boolean }) => {
      const { removeIntegration } = await import('../remove.ts')
      await removeIntegration(context, { integration, data, yes })
    })
