import { type DefineCommand, defineCommand } from '../command-context.ts'

/** `portage apply`: accepts what `plan` shows as held. */
export const applyCommand: DefineCommand = (context) =>
  defineCommand({
    name: 'apply',
    description: 'accept held schema changes and show them in the warehouses; needs the lake only',
    examples: [
      ['portage apply loans', 'everything that is held'],
      ['portage apply loans public.loan', 'one table'],
    ],
  })
    .argument('<integration>')
    .argument('[tables...]', 'as schema.table; default: every held one')
    .option('--json', 'print JSON')
    .action(async (integration: string, tables: readonly string[], { json = false }: { json?: boolean }) => {
      const { applyHeld } = await import('../apply.ts')
      await applyHeld(context, { integration, tables, json })
    })
