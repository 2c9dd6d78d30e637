/** What `status` and `plan` say of tables that a warehouse cannot hold. Pure. */
import type { TableName } from '../connectors/change.ts'
import type { Registered, Warehouse } from '../connectors/ports.ts'
import type { LogState } from '../integrations/land/log/commit.ts'
import { keptBack } from '../integrations/register/refused.ts'

/** One line a table; `state` is that of the commit that the warehouse names, the newest when it names none. */
export function keptBackLines(
  state: LogState,
  { integration, connection, schema }: { readonly integration: string; readonly connection: string; readonly schema: string },
  warehouse: Pick<Warehouse, 'dialect' | 'refusal'>,
  shown: Registered | null,
): readonly { readonly table: TableName; readonly line: string }[] {
  return keptBack(state, { integration, schema }, warehouse, shown).map(({ table, reason }) => {
    const why =
      reason ??
      `it shows commit ${shown?.commit} without it, or with its rows of before: "portage register ${integration}" says why`
    return { table, line: `${table} is kept back in ${connection}: ${why}` }
  })
}
