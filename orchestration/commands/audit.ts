import { type DefineCommand, defineCommand } from '../command-context.ts'

/** `portage audit`: who did what when. */
export const auditCommand: DefineCommand = (context) =>
  defineCommand({
    name: 'audit',
    description: 'the audit trail; --verify checks its hash chain',
    examples: [
      ['portage audit', 'every event'],
      ['portage audit --verify', 'exit code 4 when the chain is broken'],
    ],
  })
    .option('--verify', 'check that no event is missing or changed')
    .option('--json', 'print JSON')
    .action(async ({ verify = false, json = false }: { verify?: boolean; json?: boolean }) => {
      const { audit } = await import('../audit-command.ts')
      await audit(context, { verify, json })
    })
