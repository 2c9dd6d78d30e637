/** `audit`: the trail of every lake of the configuration, or the verdict on its chain. */
import { readAudit, verifyAudit } from './audit.ts'
import type { CommandContext } from './command-context.ts'
import { EXIT } from './exit-codes.ts'
import { counted } from './format/quantities.ts'
import { printRows } from './output.ts'
import { openSession } from './session.ts'

export async function audit(
  context: CommandContext,
  { verify, json }: { readonly verify: boolean; readonly json: boolean },
): Promise<void> {
  const { configuration, opener } = openSession(context)
  const lakes = new Map(configuration.integrations.map(({ lake }) => [`${lake.connection}:${lake.prefix}`, lake]))
  const events = []
  for (const [name, { connection, prefix }] of lakes) {
    await using store = await opener.store(connection)
    if (verify) {
      const found = await verifyAudit(store, prefix, context.signal)
      for (const { number, problem } of found.breaks) await context.print(`${name}: audit event ${number} ${problem}`)
      const verdict = found.breaks.length === 0 ? 'the chain is whole' : counted(found.breaks.length, 'break')
      await context.print(`${name}: ${counted(found.events, 'event')}, ${verdict}`)
      if (found.breaks.length > 0) context.exit(EXIT.difference)
    } else {
      for await (const event of readAudit(store, prefix, context.signal)) events.push({ lake: name, ...event })
    }
  }
  if (verify) return
  await printRows(context, events, {
    json,
    columns: [
      { title: 'lake', cell: (row) => row.lake },
      { title: 'event', cell: (row) => String(row.number) },
      { title: 'at', cell: (row) => row.at },
      { title: 'integration', cell: (row) => row.integration },
      { title: 'what', cell: (row) => row.event },
      {
        title: 'details',
        cell: (row) =>
          Object.entries(row.details)
            .map(([key, value]) => `${key}=${value}`)
            .join(' '),
      },
      { title: 'by', cell: (row) => row.by },
    ],
    none: 'Nothing has been recorded yet',
  })
}
