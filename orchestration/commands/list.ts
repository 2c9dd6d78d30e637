import { type DefineCommand, defineCommand } from '../command-context.ts'

/** `portage list`: the integrations and what each connects; opens nothing. */
export const listCommand: DefineCommand = (context) =>
  defineCommand({
    name: 'list',
    description: 'integrations, what they connect, schedules',
    examples: [
      ['portage list', 'a table'],
      ['portage list --json', 'for programs'],
    ],
  })
    .option('--json', 'print JSON')
    .action(async ({ json = false }: { json?: boolean }) => {
      const { loadConfiguration } = await import('../../config/load.ts')
      const { printRows } = await import('../output.ts')
      const { integrations, transfers } = loadConfiguration(context.globals().config)
      const moved = transfers.map(({ name, kind, file, document: { from, to, schedule } }) => ({
        name,
        kind,
        file,
        source: from,
        tables: [],
        lake: to,
        register: [],
        schedule: schedule?.cron ?? null,
        wait_for: schedule?.wait_for?.trigger ?? null,
      }))
      const replicated = integrations.map(({ name, kind, file, source, lake, register, schedule }) => ({
        name,
        kind,
        file,
        source: source.connection,
        tables: source.tables,
        lake: `${lake.connection}:${lake.prefix}`,
        register: register.map((target) => `${target.connection}:${target.schema}`),
        schedule: schedule?.cron ?? null,
        wait_for: schedule?.waitForTrigger ?? null,
      }))
      const rows = [...replicated, ...moved].toSorted((a, b) => (a.name < b.name ? -1 : 1))
      await printRows(context, rows, {
        json,
        columns: [
          { title: 'integration', cell: (row) => row.name },
          { title: 'source', cell: (row) => row.source },
          { title: 'tables', cell: (row) => row.tables.join(' ') },
          { title: 'lake', cell: (row) => row.lake },
          { title: 'registered in', cell: (row) => row.register.join(' ') },
          { title: 'schedule', cell: (row) => row.schedule },
        ],
        none: 'No integrations. "portage init --from postgres://…" writes one from a live database',
      })
    })
