/** External tables over files that others wrote: what Snowflake shows of them, brought to what there is, and proven. I/O. */

import { createHash } from 'node:crypto'
import { ConnectorError } from '../../errors.ts'
import type { LinkedName, LinkRequest, RegisterOutcome } from '../../ports.ts'
import { describeColumns, fromBucketRoot, metadata } from '../account.ts'
import type { SnowflakeClient } from '../client.ts'
import { identifier, quoted, storedName, text } from '../names.ts'
import type { StageOptions } from '../options.ts'
import { ownStage, type StagePlace, stagePlace } from '../stage.ts'
import { type LinkedTable, type LinkNote, type LinkPlan, linkPlan } from './foreign-plan.ts'
import { commentSql, dropSql, type ExternalTableName, FILES_PER_STATEMENT, nameSql } from './foreign-sql.ts'

const STAGE_NAME = 'PORTAGE__LINKS'
/** NULL_IF is empty, or a text `\N` would become NULL. */
const FORMATS = {
  orc: 'TYPE = ORC TRIM_SPACE = FALSE NULL_IF = ()',
  parquet: 'TYPE = PARQUET BINARY_AS_TEXT = FALSE TRIM_SPACE = FALSE NULL_IF = ()',
} as const

/** Most differences that a message names. */
const MOST_NAMED = 5

type Context = { readonly client: SnowflakeClient; readonly signal: AbortSignal }

/** Throws what `Warehouse.link` throws. */
export async function linkTable(
  client: SnowflakeClient,
  stage: StageOptions | undefined,
  { table, as, replace, dryRun }: LinkRequest,
  signal: AbortSignal,
): Promise<RegisterOutcome> {
  if (stage === undefined) {
    throw new ConnectorError(
      'CONFIGURATION',
      'The connection does not say how Snowflake reaches the bucket of the files. Give it "stage: {url, storage_integration}" in config/connections.yaml; "portage check" prints the SQL for an administrator',
    )
  }
  const context: Context = { client, signal }
  const name = await tableName(context, as)
  const schema = `${quoted(name.database)}.${quoted(name.schema)}`
  const place = stagePlace(stage)
  const stageName = `${schema}.${quoted(STAGE_NAME)}`
  const format = `${schema}.${identifier(`portage__links__${table.format}`)}`
  const target = { name, stage: { name: stageName, url: `s3://${place.bucket}/${place.path}` }, format, replace }
  const formatSql = `CREATE FILE FORMAT IF NOT EXISTS ${format} ${FORMATS[table.format]}`
  const comment = 'Files of other systems that Portage shows'
  const created = (await schemaExists(context, name)) ? [] : [`CREATE SCHEMA ${schema}`]
  const set = (secrets: boolean) => [...created, formatSql, ...ownStage(stageName, stage, { comment, secrets })]
  const before = await shownTable(context, name, place)
  const plan = linkPlan(table, target, before)
  const outcome = {
    statements: [...set(false), ...plan.statements],
    filesAdded: plan.added.size,
    filesRemoved: plan.removed.length,
  }
  if (dryRun) return outcome
  await ran(context, [...set(true), ...plan.statements.slice(0, plan.statements.length - plan.transaction.length)])
  await inTransaction(context, plan.transaction)
  // A run that ended before its proof leaves files that nobody has counted.
  const proven = before !== null && before.note?.proven === filesHash(before.files)
  if (proven && plan.statements.length === 0) return outcome
  const now = await prove(context, name, place, proven ? plan : { ...plan, added: plan.files })
  await ran(context, [commentSql(name, JSON.stringify({ ...plan.note, proven: filesHash(now) }))])
  return outcome
}

/** Throws `NOT_FOUND` when there is no such table, `SCHEMA` when no link made it. */
export async function unlinkTable(
  client: SnowflakeClient,
  { table, dryRun }: { readonly table: LinkedName; readonly dryRun: boolean },
  signal: AbortSignal,
): Promise<readonly string[]> {
  const context: Context = { client, signal }
  const name = await tableName(context, table)
  const shown = await shownTable(context, name, null)
  const subject = `External table ${name.database}.${name.schema}.${name.name}`
  if (shown === null) throw new ConnectorError('NOT_FOUND', `${subject} does not exist, or the role may not see it`)
  if (shown.note === null) throw new ConnectorError('SCHEMA', `${subject} was made by no link; drop it by hand`)
  const statements = [dropSql(name)]
  if (!dryRun) await ran(context, statements)
  return statements
}

async function tableName({ client, signal }: Context, { database, schema, name }: LinkedName): Promise<ExternalTableName> {
  const stored = { schema: storedName(schema), name: storedName(name) }
  if (database !== null) return { database: storedName(database), ...stored }
  const { rows } = await client.run('SELECT CURRENT_DATABASE()', { signal, repeatable: true })
  const current = rows[0]?.[0] ?? null
  if (current !== null) return { database: current, ...stored }
  throw new ConnectorError(
    'CONFIGURATION',
    `No database for "${schema}.${name}": write database.schema.table, or give the connection in config/connections.yaml a "database" that its role may use (GRANT USAGE ON DATABASE … TO ROLE …)`,
  )
}

async function ran({ client, signal }: Context, statements: readonly string[]): Promise<void> {
  for (const sql of statements) await client.run(sql, { signal, repeatable: false })
}

/** Where an account refuses it inside a transaction, the order of the statements alone keeps rows from missing. */
async function inTransaction(context: Context, statements: readonly string[]): Promise<void> {
  if (statements.length < 2) return await ran(context, statements)
  await ran(context, ['BEGIN'])
  try {
    await ran(context, statements)
    await ran(context, ['COMMIT'])
  } catch (error) {
    await context.client.run('ROLLBACK', { signal: AbortSignal.timeout(10_000), repeatable: true }).catch(() => undefined)
    throw error
  }
}

const schemaExists = async ({ client, signal }: Context, { database, schema }: ExternalTableName): Promise<boolean> =>
  (await metadata(client, `SHOW SCHEMAS LIKE ${text(schema)} IN DATABASE ${quoted(database)}`, signal)).some(
    (row) => row.name === schema,
  )

/** Null: there is no such external table. Files are not looked for without the stage's place. */
async function shownTable(
  { client, signal }: Context,
  name: ExternalTableName,
  place: StagePlace | null,
): Promise<LinkedTable | null> {
  const inSchema = `${quoted(name.database)}.${quoted(name.schema)}`
  const found = (await metadata(client, `SHOW EXTERNAL TABLES LIKE ${text(name.name)} IN SCHEMA ${inSchema}`, signal)).find(
    (row) => row.name === name.name,
  )
  if (found === undefined) return null
  const note = noteOf(found.comment ?? '')
  if (place === null) return { note, columns: [], files: [] }
  const columns = (await describeColumns(client, 'EXTERNAL TABLE', nameSql(name), signal)) ?? []
  const registry = `${quoted(name.database)}.INFORMATION_SCHEMA.EXTERNAL_TABLE_FILES(TABLE_NAME => ${text(nameSql(name))})`
  const { rows } = await client.run(`SELECT FILE_NAME, FILE_SIZE FROM TABLE(${registry})`, { signal, repeatable: true })
  return {
    note,
    columns: columns.map((column) => column.name).filter((column) => column !== 'VALUE'),
    files: rows.map(([path, size]) => ({
      path: fromBucketRoot(path ?? '', place).slice(place.path.length),
      size: Number(size),
    })),
  }
}

const filesHash = (files: LinkedTable['files']): string =>
  createHash('sha256')
    .update(
      files
        .map(({ path, size }) => `${path} ${size}`)
        .toSorted()
        .join('\n'),
    )
    .digest('hex')
    .slice(0, 16)

function noteOf(comment: string): LinkNote | null {
  try {
    const note: unknown = JSON.parse(comment)
    return typeof note === 'object' && note !== null && 'linked' in note && 'columns' in note ? (note as LinkNote) : null
  } catch {
    return null
  }
}

/**
 * A file that does not parse is left out without a word, and a directory may hold files that the owner does not know: every file is
 * registered once and nothing else, and each new one shows as many rows as its footer says. Throws `PROOF`.
 */
async function prove(
  context: Context,
  name: ExternalTableName,
  place: StagePlace,
  plan: LinkPlan,
): Promise<LinkedTable['files']> {
  const subject = `External table ${name.schema}.${name.name}`
  const files = (await shownTable(context, name, place))?.files ?? []
  const shown = new Set(files.map(({ path }) => path))
  const missing = [...plan.files.keys()].filter((path) => !shown.has(path))
  const strange = [...shown].filter((path) => !plan.files.has(path))
  if (missing.length > 0)
    throw proof(`${subject} was not given ${listed(missing)}`, 'Run it again; if it stays so, the files are gone')
  if (strange.length > 0) {
    throw proof(
      `${subject} shows ${listed(strange)}, which the owner of the table does not`,
      'They lie in a partition’s directory; move them away, or run it again if the owner was writing',
    )
  }
  const paths = [...plan.added.keys()]
  const wrong: string[] = []
  for (let at = 0; at < paths.length; at += FILES_PER_STATEMENT) {
    const batch = paths.slice(at, at + FILES_PER_STATEMENT)
    const counts = await rowsByFile(context, name, place.path, batch)
    wrong.push(...batch.filter((path) => (counts.get(path) ?? 0) !== plan.added.get(path)))
  }
  if (wrong.length === 0) return files
  throw proof(
    `${subject} shows other numbers of rows than the footers of ${listed(wrong)}`,
    'Snowflake leaves out files that it cannot parse: look at them with "portage inspect", have the owner write them again, and run it again',
  )
}

async function rowsByFile(
  { client, signal }: Context,
  name: ExternalTableName,
  root: string,
  paths: readonly string[],
): Promise<ReadonlyMap<string, number>> {
  const list = paths.map((path) => text(root + path)).join(', ')
  const sql = `SELECT METADATA$FILENAME, COUNT(*) FROM ${nameSql(name)} WHERE METADATA$FILENAME IN (${list}) GROUP BY METADATA$FILENAME`
  const { rows } = await client.run(sql, { signal, repeatable: true })
  return new Map(rows.map(([path, count]) => [(path ?? '').slice(root.length), Number(count)]))
}

const listed = (paths: readonly string[]): string =>
  `${paths
    .slice(0, MOST_NAMED)
    .map((path) => `"${path}"`)
    .join(', ')}${paths.length > MOST_NAMED ? ` and ${paths.length - MOST_NAMED} more` : ''}`

const proof = (what: string, cure: string): ConnectorError => new ConnectorError('PROOF', `${what}. ${cure}`)
