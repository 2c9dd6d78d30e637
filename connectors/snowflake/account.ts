/** What is asked of an account before and after a registration. I/O; metadata only. */
import { ConnectorError } from '../errors.ts'
import { type AnswerRow, rowsByName } from './answer.ts'
import type { SnowflakeClient } from './client.ts'
import { type FoundColumn, readLineage } from './external-table.ts'
import { serverCode } from './failure.ts'
import { type FoundView, type Ledger, readLedger } from './ledger.ts'
import { identifier, ledgerName, qualified, storedName, text } from './names.ts'
import { plainType } from './types.ts'

/** Object does not exist, or is not for this role. */
const ABSENT = new Set(['002003', '002043', '002140'])

export const isAbsent = (error: unknown): boolean => ABSENT.has(serverCode(error) ?? '')

/** Rows of a metadata statement; none where the schema or object is not there. */
export async function metadata(client: SnowflakeClient, sql: string, signal: AbortSignal): Promise<readonly AnswerRow[]> {
  try {
    return rowsByName(await client.run(sql, { signal, repeatable: true }))
  } catch (error) {
    if (isAbsent(error)) return []
    throw error
  }
}

/** Snowflake documentation, "SHOW": no more rows than this at once. */
const MOST_SHOWN = 10_000

/** All rows of a `SHOW`, in one statement unless there are ten thousand. */
async function showAll(client: SnowflakeClient, sql: string, signal: AbortSignal): Promise<readonly AnswerRow[]> {
  const rows = [...(await metadata(client, sql, signal))]
  for (let page = rows.length; page === MOST_SHOWN; ) {
    const last = rows.at(-1)?.name ?? ''
    const next = await metadata(client, `${sql} LIMIT ${MOST_SHOWN} FROM ${text(last)}`, signal)
    rows.push(...next)
    page = next.length
  }
  return rows
}

export type SchemaViews = {
  readonly own: Ledger | null
  /** Changes with every registration. */
  readonly stamp: string
  /** By stored name of a relation of another integration: whose it is. */
  readonly foreign: ReadonlyMap<string, string>
  /** By stored name: the integration that a view belongs to, null when it is none of ours. */
  readonly owners: ReadonlyMap<string, string | null>
}

/** One statement: every view of the schema, the ledgers among them. */
export async function readViews(
  client: SnowflakeClient,
  schema: string,
  integration: string,
  signal: AbortSignal,
): Promise<SchemaViews> {
  const rows = await showAll(client, `SHOW VIEWS IN SCHEMA ${identifier(schema)}`, signal)
  const views: readonly FoundView[] = rows.map((row) => ({
    name: row.name ?? '',
    comment: row.comment ?? null,
    text: row.text ?? null,
  }))
  const owners = new Map<string, string | null>()
  for (const { name, comment } of views) {
    const owner = readLineage(comment)?.integration
    owners.set(name, typeof owner === 'string' ? owner : null)
  }
  const ledgers = views.flatMap((view) => readLedger(view) ?? [])
  const foreign = new Map<string, string>()
  for (const ledger of ledgers) {
    if (ledger.integration === integration) continue
    for (const { relation } of ledger.tables.values()) foreign.set(storedName(relation), ledger.integration)
  }
  const own = ledgers.find((ledger) => ledger.integration === integration) ?? null
  const view = views.find(({ name }) => name === storedName(ledgerName(integration)))
  return { own, foreign, owners, stamp: `${view?.comment}\n${view?.text}` }
}

export type FoundTable = {
  readonly name: string
  readonly integration: string | null
  /** That it was made at. */
  readonly commit: number
  readonly invalid: string | null
}

/** One statement: every external table of the schema, and whether Snowflake holds it for broken. */
export async function readExternalTables(
  client: SnowflakeClient,
  schema: string,
  signal: AbortSignal,
): Promise<readonly FoundTable[]> {
  const rows = await showAll(client, `SHOW EXTERNAL TABLES IN SCHEMA ${identifier(schema)}`, signal)
  return rows.map(({ name, comment, invalid, invalid_reason: reason }) => {
    const { integration: owner, commit } = readLineage(comment ?? null) ?? {}
    const broken = (invalid ?? '').toLowerCase() === 'true'
    return {
      name: name ?? '',
      integration: typeof owner === 'string' ? owner : null,
      commit: Number(commit),
      invalid: broken ? (reason ?? 'invalid') : null,
    }
  })
}

/** Paths from the bucket's root of what an external table has registered; null when there is no such table. */
export async function registeredFiles(
  client: SnowflakeClient,
  table: string,
  place: { readonly bucket: string; readonly path: string },
  signal: AbortSignal,
): Promise<ReadonlySet<string> | null> {
  const sql = `SELECT FILE_NAME FROM TABLE(INFORMATION_SCHEMA.EXTERNAL_TABLE_FILES(TABLE_NAME => ${text(table)}))`
  try {
    const { rows } = await client.run(sql, { signal, repeatable: true })
    return new Set(rows.flatMap(([name]) => (name ? [fromBucketRoot(name, place)] : [])))
  } catch (error) {
    if (isAbsent(error)) return null
    throw error
  }
}

/** The registry names files by URL, from the bucket's root, or below the stage: accounts differ. */
export function fromBucketRoot(name: string, place: { readonly bucket: string; readonly path: string }): string {
  const plain = name.replace(/^[a-z0-9]+:\/\/[^/]+\//, '').replace(/^\/+/, '')
  return plain.startsWith(place.path) ? plain : `${place.path}${plain}`
}

export async function describeColumns(
  client: SnowflakeClient,
  kind: 'EXTERNAL TABLE' | 'VIEW',
  name: string,
  signal: AbortSignal,
): Promise<readonly FoundColumn[] | null> {
  try {
    const rows = rowsByName(await client.run(`DESCRIBE ${kind} ${name}`, { signal, repeatable: true }))
    return rows.map((row) => ({ name: row.name ?? '', type: plainType(row.type ?? '') }))
  } catch (error) {
    if (isAbsent(error)) return null
    throw error
  }
}

/** Throws `CONFIGURATION` for a name that somebody else has. */
export function refuseForeign(views: SchemaViews, integration: string, schema: string, names: readonly string[]): void {
  for (const name of names) {
    const stored = storedName(name)
    const owner = views.foreign.get(stored) ?? views.owners.get(stored)
    if (owner === undefined || owner === integration) continue
    const whose = owner === null ? 'is a view that Portage did not make' : `already belongs to the integration "${owner}"`
    throw new ConnectorError(
      'CONFIGURATION',
      `Relation ${qualified(schema, name)} ${whose}. Give "${integration}" another schema under "register"`,
    )
  }
}
