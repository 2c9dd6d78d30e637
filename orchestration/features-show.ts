/** `portage features show`: a definition for another program, or for an engine. */
import { canonicalJson } from '../features/canonical.ts'
import { SQL_DIALECTS } from '../features/sql/dialect.ts'
import { sqlScript } from '../features/sql/script.ts'
import type { CommandContext } from './command-context.ts'
import { UsageError } from './exit-codes.ts'
import { findView } from './features-view.ts'

export async function showFeatures(
  context: CommandContext,
  { view: name, sql }: { readonly view: string; readonly sql: string | undefined },
): Promise<void> {
  const view = await findView(name)
  if (sql === undefined) return context.print(canonicalJson(view))
  const dialect = SQL_DIALECTS.find((each) => each.name === sql)
  if (dialect === undefined) throw new UsageError(`--sql ${sql}: expected ${SQL_DIALECTS.map((each) => each.name).join(', ')}`)
  await context.print(sqlScript(dialect, view).trimEnd())
}
