/**
 * A warehouse inside this process that evaluates the rules of current rows and history by itself, row by row: the oracle for
 * every engine's generated SQL. It keeps all rows of its relations in memory.
 *
 * `query` understands `select * from [<schema>.]<relation>` and nothing else.
 */
import { Field, makeData, RecordBatch, Schema, Struct } from 'apache-arrow'
import type { Column, Op, Position, TableSchema } from '../change.ts'
import { canonicalText, columnData, parseCanonical, type Value } from '../column-values.ts'
import { ConnectorError } from '../errors.ts'
import { arrowType, type LogicalType, typeName } from '../logical-type.ts'
import type { Dialect, Registered, RegisteredFile, RegisterRequest, TableRegistration, Warehouse } from '../ports.ts'
import { attemptTable, type RefusedTables } from '../refused-table.ts'

/** A row of a lake file; `values` by physical column, of the schema's types. */
export type LakeRow = {
  readonly op: Op
  readonly position: Position
  readonly committedAt: bigint | null
  readonly unchanged: string | null
  readonly values: Readonly<Record<string, Value>>
}

/** Reads a committed file's rows, widened to the schema's types. */
export type ReadLakeFile = (file: RegisteredFile, schema: TableSchema, signal: AbortSignal) => Promise<readonly LakeRow[]>

type Relation = {
  readonly columns: readonly { readonly name: string; readonly type: LogicalType }[]
  readonly rows: readonly Value[][]
}
type Shown = {
  readonly request: RegisterRequest
  readonly relations: ReadonlyMap<string, Relation>
  /** Relations that show an earlier commit, and which. */
  readonly behind: ReadonlyMap<string, number>
}

const TEXT: LogicalType = { kind: 'utf8', format: 'text' }
const HISTORY_COLUMNS = [
  { name: '_op', type: TEXT },
  { name: '_position', type: TEXT },
  { name: '_source_committed_at', type: { kind: 'timestamp', utc: true } },
  { name: '_unchanged', type: TEXT },
] as const

/** Never generated for: it reads rows, not SQL. */
const DIALECT: Dialect = {
  name: 'duckdb',
  quote: '"',
  typeOf: typeName,
  literal: (text) => `'${text.replaceAll("'", "''")}'`,
  column: (physical) => `"${physical}"`,
}

export function openMemoryWarehouse(read: ReadLakeFile): Warehouse {
  const shown = new Map<string, Shown>()
  const owner = (integration: string, schema: string) => JSON.stringify([integration, schema])
  return {
    kind: 'memory',
    dialect: DIALECT,
    reads: 'list',
    check: async () => [],
    registered: async (integration, schema, signal): Promise<Registered | null> => {
      signal.throwIfAborted()
      const found = shown.get(owner(integration, schema))
      if (found === undefined) return null
      const { request, behind } = found
      const relations = [...request.tables.map((table) => table.relation), ...behind.keys()].toSorted()
      return { commit: request.commit, relations, ...(behind.size === 0 ? {} : { behind }) }
    },
    register: async (request, signal) => {
      const key = owner(request.integration, request.schema)
      const before = shown.get(key)
      if (before !== undefined && before.request.commit > request.commit)
        return { statements: [], filesAdded: 0, filesRemoved: 0 }
      const refused: RefusedTables = new Map()
      const relations = new Map<string, Relation>()
      for (const table of request.tables) {
        const isForeign = await attemptTable(refused, table.table, async () => refuseForeign(request, table, shown))
        if (isForeign === null) continue
        const base = await provenRows(table, table.base, read, signal)
        const landed = await provenRows(table, table.changes, read, signal)
        const { until } = table
        const changes = until === undefined ? landed : landed.filter((row) => row.position < until)
        const renewed = table.renewed === undefined ? null : await provenRows(table, table.renewed.files, read, signal)
        relations.set(table.relation.toLowerCase(), currentRelation(table, renewed ?? base, changes))
        relations.set(`${table.relation}_changes`.toLowerCase(), historyRelation(table, [...base, ...changes]))
      }
      const done = { ...request, tables: request.tables.filter(({ table }) => !refused.has(table)) }
      const stay = [
        ...(request.kept ?? []),
        ...request.tables.filter(({ table }) => refused.has(table)).map(({ relation }) => relation),
      ]
      const behind = keepRelations(stay, relations, before)
      if (!request.dryRun) shown.set(key, { request: done, relations, behind })
      const [old, now] = [addresses(before?.request), addresses(done)]
      return {
        statements: done.tables.map((table) => `show ${table.relation}`),
        filesAdded: [...now].filter((each) => !old.has(each)).length,
        filesRemoved: [...old].filter((each) => !now.has(each)).length,
        ...(refused.size === 0 ? {} : { refused }),
      }
    },
    describe: async (integration, schema, signal) => {
      signal.throwIfAborted()
      const relations = shown.get(owner(integration, schema))?.relations ?? new Map<string, Relation>()
      return [...relations]
        .map(([relation, { columns }]) => ({
          relation,
          columns: columns.map(({ name, type }) => ({ name, type: typeName(type) })),
        }))
        .toSorted((a, b) => (a.relation < b.relation ? -1 : 1))
    },
    query: async (sql, signal) => {
      signal.throwIfAborted()
      const relation = findRelation(sql, [...shown.values()])
      const fields = relation.columns.map(
        ({ name, type }) => new Field(name, arrowType(type), true, new Map([['portage.type', typeName(type)]])),
      )
      const children = relation.columns.map(({ type }, index) =>
        columnData(
          type,
          relation.rows.map((row) => row[index] ?? null),
        ),
      )
      const schema = new Schema(fields)
      const length = relation.rows.length
      const batch = new RecordBatch(schema, makeData({ type: new Struct(fields), length, nullCount: 0, children }))
      return { schema, batches: once(length === 0 ? [] : [batch], signal) }
    },
    unload: async () => {
      throw new ConnectorError('UNSUPPORTED', 'The memory warehouse writes no files: expected a warehouse that can unload')
    },
    remove: async ({ integration, schema, dryRun }) => {
      const key = owner(integration, schema)
      const names = [...(shown.get(key)?.relations.keys() ?? [])]
      if (!dryRun) shown.delete(key)
      return names.map((name) => `forget ${schema}.${name}`)
    },
    [Symbol.asyncDispose]: async () => shown.clear(),
  }
}

async function* once(batches: readonly RecordBatch[], signal: AbortSignal): AsyncGenerator<RecordBatch> {
  for (const batch of batches) {
    signal.throwIfAborted()
    yield batch
  }
}

async function provenRows(
  table: TableRegistration,
  files: readonly RegisteredFile[],
  read: ReadLakeFile,
  signal: AbortSignal,
): Promise<readonly LakeRow[]> {
  const rows: LakeRow[] = []
  for (const file of files) {
    signal.throwIfAborted()
    let found: readonly LakeRow[]
    try {
      found = await read(file, table.schema, signal)
    } catch (error) {
      throw new ConnectorError('PROOF', `Files of "${table.table}" differ from the commit: "${file.key}" cannot be read`, {
        cause: error,
      })
    }
    if (found.length !== file.rows) {
      throw new ConnectorError(
        'PROOF',
        `Files of "${table.table}" differ from the commit: "${file.key}" holds ${found.length} rows, the commit says ${file.rows}`,
      )
    }
    for (const row of found) rows.push(row)
  }
  return rows
}

function liveColumns(schema: TableSchema): readonly { readonly name: string; readonly column: Column }[] {
  const live = schema.columns.filter((column) => !column.dropped).toSorted((a, b) => a.id - b.id)
  const seen = new Set<string>()
  return live.map((column) => {
    const name = seen.has(column.name.toLowerCase()) ? `${column.name}_${column.id}` : column.name
    seen.add(name.toLowerCase())
    return { name, column }
  })
}

function shownValues(table: TableRegistration, row: LakeRow): Value[] {
  const keyed = table.schema.key.length > 0
  return liveColumns(table.schema).map(({ column }) => {
    const { initial } = column
    const carries = row.op !== 't' && (row.op !== 'd' || !keyed || table.schema.identity === 'full')
    if (initial !== undefined && row.position < initial.before && carries) return parseCanonical(initial.text, column.type)
    return row.values[column.physical] ?? null
  })
}

function historyRelation(table: TableRegistration, rows: readonly LakeRow[]): Relation {
  const columns = [...HISTORY_COLUMNS, ...liveColumns(table.schema).map(({ name, column }) => ({ name, type: column.type }))]
  return {
    columns,
    rows: rows.map((row) => [row.op, row.position, row.committedAt, row.unchanged, ...shownValues(table, row)]),
  }
}

/** Plays everything that counts, in position order, over an empty table. */
function currentRelation(table: TableRegistration, base: readonly LakeRow[], changes: readonly LakeRow[]): Relation {
  const columns = liveColumns(table.schema).map(({ name, column }) => ({ name, type: column.type }))
  const boundary = table.renewed?.boundary ?? table.boundary
  const standing = [...base, ...changes.filter((row) => row.position > boundary)]
  standing.sort((a, b) => (a.position < b.position ? -1 : a.position > b.position ? 1 : 0))
  const keyed = table.schema.key.length > 0
  const rows = new Map<string, Value[][]>()
  for (const row of standing) {
    if (row.op === 't') {
      rows.clear()
      continue
    }
    const values = shownValues(table, row)
    const identity = keyed ? table.schema.key.map((name) => row.values[name] ?? null) : values
    const id = JSON.stringify(identity.map(tagged))
    const equal = rows.get(id) ?? []
    if (row.op === 'd') rows.set(id, keyed ? [] : equal.slice(1))
    else rows.set(id, keyed ? [values] : [...equal, values])
  }
  return { columns, rows: [...rows.values()].flat() }
}

function tagged(value: Value): string | null {
  if (value === null) return null
  if (value instanceof Uint8Array) return `b${canonicalText(value, { kind: 'binary' })}`
  return `${typeof value}${String(value)}`
}

/** Throws, or is false. */
function refuseForeign(
  { integration, schema }: RegisterRequest,
  { relation }: TableRegistration,
  shown: ReadonlyMap<string, Shown>,
): false {
  for (const other of shown.values()) {
    if (other.request.integration === integration || other.request.schema !== schema) continue
    if (!other.relations.has(relation.toLowerCase())) continue
    throw new ConnectorError(
      'CONFIGURATION',
      `Relation "${schema}.${relation}" already belongs to the integration "${other.request.integration}". Give "${integration}" another schema under "register"`,
    )
  }
  return false
}

/** Of the names, those that are shown stay as they are: added to the relations, with the commit that they show. */
function keepRelations(
  names: readonly string[],
  relations: Map<string, Relation>,
  before: Shown | undefined,
): ReadonlyMap<string, number> {
  const behind = new Map<string, number>()
  for (const name of names) {
    const both = [name, `${name}_changes`].map((each) => each.toLowerCase())
    const [current, history] = both.map((each) => before?.relations.get(each))
    if (before === undefined || current === undefined || history === undefined) continue
    relations.set(both[0] ?? '', current).set(both[1] ?? '', history)
    behind.set(name, before.behind.get(name) ?? before.request.commit)
  }
  return behind
}

function addresses(request: RegisterRequest | undefined): ReadonlySet<string> {
  return new Set((request?.tables ?? []).flatMap((table) => filesOf(table).map((file) => file.address)))
}

const filesOf = ({ base, changes, renewed }: TableRegistration) => [...base, ...changes, ...(renewed?.files ?? [])]

function findRelation(sql: string, shown: readonly Shown[]): Relation {
  const parts = /^\s*select\s+\*\s+from\s+(?:("?)([^".\s]+)\1\.)?("?)([^";]+?)\3\s*;?\s*$/i.exec(sql)
  const [schema, name] = [parts?.[2], parts?.[4]?.toLowerCase()]
  if (name === undefined) {
    throw new ConnectorError('STATEMENT', 'The memory warehouse understands "select * from [<schema>.]<relation>" only')
  }
  for (const { request, relations } of shown) {
    const found = schema === undefined || schema === request.schema ? relations.get(name) : undefined
    if (found !== undefined) return found
  }
  throw new ConnectorError('STATEMENT', `The memory warehouse shows no relation "${parts?.[4]}"`)
}
