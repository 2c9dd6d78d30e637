/** `portage features show`: a definition for another program, or for an engine. */
import { canonicalJson } from '../features/canonical.ts'
import { SQL_DIALECTS } from '../features/sql/dialect.ts'
import { SCRIPT_KINDS, type ScriptKind, sqlScript } from '../features/sql/script.ts'
import type { CommandContext } from './command-context.ts'
import { UsageError } from './exit-codes.ts'
import { findView } from './features-view.ts'

export async function showFeatures(
  context: CommandContext,
  { view: name, sql, kind }: { readonly view: string; readonly sql: string | undefined; readonly kind: string | undefined },
): Promise<void> {
  const view = await findView(name)
  if (sql === undefined && kind !== undefined) throw new UsageError(`--kind ${kind} needs --sql <engine>`)
  if (sql === undefined) return context.print(canonicalJson(view))
  const dialect = SQL_DIALECTS.find((each) => each.name === sql)
  if (dialect === undefined) throw new UsageError(`--sql ${sql}: expected ${SQL_DIALECTS.map((each) => each.name).join(', ')}`)
  await context.print(sqlScript(dialect, view, kind === undefined ? undefined : [kindNamed(kind)]).trimEnd())
}

function kindNamed(name: string): ScriptKind {
  const found = SCRIPT_KINDS.find((each) => each === name)
  if (found === undefined) throw new UsageError(`--kind ${name}: expected ${SCRIPT_KINDS.join(', ')}`)
  return found
}
