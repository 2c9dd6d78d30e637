import { type DefineCommand, defineCommand } from '../command-context.ts'

type Options = { readonly repair?: true; readonly dryRun?: true; readonly json?: true }

/** `portage register`: makes committed files visible; needs the lake only. */
export const registerCommand: DefineCommand = (context) =>
  defineCommand({
    name: 'register',
    description: 'make the newest commit visible in the warehouses',
    examples: [
      ['portage register loans', 'up to the newest commit'],
      ['portage register loans --dry-run', 'print the statements, run none'],
      ['portage register loans --repair', 'make everything anew, also what seems current'],
    ],
  })
    .argument('[integration]', 'default: the only one')
    .option('--repair', 'make everything anew and prove every file')
    .option('--dry-run', 'print what would be done')
    .option('--json', 'print JSON')
    .action(async (integration: string | undefined, options: Options) => {
      const { registerNow } = await import('../register-command.ts')
      await registerNow(context, {
        integration,
        repair: options.repair === true,
        dryRun: options.dryRun === true,
        json: options.json === true,
      })
    })
