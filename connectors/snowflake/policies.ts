/** Masking and row access policies that somebody put on a relation: replacing the relation would drop them without a word. */
import { ConnectorError } from '../errors.ts'
import { type AnswerRow, rowsByName } from './answer.ts'
import type { SnowflakeClient } from './client.ts'
import { qualified, quoted, text } from './names.ts'

export type Policy = {
  readonly kind: 'masking' | 'row access' | 'other'
  /** Quoted, with database and schema. */
  readonly name: string
  /** The masked column as Snowflake keeps it; empty for others. */
  readonly column: string
  /** Columns that a row access policy is given. */
  readonly columns: readonly string[]
}

/** Those on one view. I/O, metadata. */
export async function policiesOf(
  client: SnowflakeClient,
  schema: string,
  view: string,
  signal: AbortSignal,
): Promise<readonly Policy[]> {
  const entity = text(qualified(schema, view))
  const sql = `SELECT * FROM TABLE(INFORMATION_SCHEMA.POLICY_REFERENCES(REF_ENTITY_NAME => ${entity}, REF_ENTITY_DOMAIN => 'VIEW'))`
  return rowsByName(await client.run(sql, { signal, repeatable: true })).map(policyOf)
}

function policyOf(row: AnswerRow): Policy {
  const kind = row.policy_kind === 'MASKING_POLICY' ? 'masking' : row.policy_kind === 'ROW_ACCESS_POLICY' ? 'row access' : 'other'
  const name = [row.policy_db, row.policy_schema, row.policy_name].flatMap((part) => (part ? [quoted(part)] : [])).join('.')
  return { kind, name, column: row.ref_column_name ?? '', columns: argumentNames(row.ref_arg_column_names ?? '') }
}

/** `[ "A", "B" ]`, as Snowflake lists them. */
function argumentNames(listed: string): readonly string[] {
  try {
    const names: unknown = JSON.parse(listed)
    if (Array.isArray(names)) return names.map(String)
  } catch {
    // Not quoted: names between commas.
  }
  return listed
    .replace(/[[\]"]/g, '')
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '')
}

/** Throws `CONFIGURATION` unless the policies may be carried over, and can be. */
export function refusePolicies(schema: string, view: string, policies: readonly Policy[], consent: boolean): void {
  const foreign = policies.filter(({ kind }) => kind === 'other')
  if (policies.length === 0 || (consent && foreign.length === 0)) return
  const names = policies.map(({ kind, name }) => `${kind} policy ${name}`).join(', ')
  const cure =
    foreign.length === 0
      ? 'Set "replace: true" for the connection in config/connections.yaml, or run "portage register <integration> --repair": the view is replaced and carries the same policies from its first moment'
      : 'Take these policies off the view, register, and put them back'
  throw new ConnectorError(
    'CONFIGURATION',
    `View ${qualified(schema, view)} must be replaced for its new columns, and carries ${names}. ${cure}`,
  )
}
