/**
 * A metastore in memory and DuckDB behind it, as a `HiveClient`: it carries out exactly the statements that Portage's
 * registrations are made of, so that what they show can be asked without a JVM. Tables are Parquet files on this machine.
 */
import { readdirSync } from 'node:fs'
import { canonicalText, type Value, valueReader } from '../../../../connectors/column-values.ts'
import { type Database, openDatabase } from '../../../../connectors/duckdb/instance.ts'
import { streamQuery } from '../../../../connectors/duckdb/query.ts'
import { ConnectorError } from '../../../../connectors/errors.ts'
import type { HiveClient, HiveColumn, HiveResult, HiveValue } from '../../../../connectors/hive/client/client.ts'
import type { LogicalType } from '../../../../connectors/logical-type.ts'
import { logicalTypeOf } from '../../../../integrations/types/arrow-types.ts'
import { type NamedColumn, parseStatement, type RelationName, type Statement } from './statements.ts'
import { duckdbType, type Token, toDuckdb } from './tokens.ts'

type Table = {
  readonly kind: 'table'
  columns: readonly NamedColumn[]
  readonly partition: NamedColumn
  readonly partitions: Map<string, string>
  location: string
  format: string
  readonly properties: Map<string, string>
}
type View = { readonly kind: 'view'; query: readonly Token[]; readonly properties: Map<string, string> }

export type Metastore = HiveClient & {
  /** Statements that change something, in the order in which they came. */
  readonly statements: readonly string[]
  /** Called before each of them; throwing is a failure of the server before it did anything. */
  before: (sql: string) => void
  /** Called after each of them; throwing is an answer that was lost. */
  after: (sql: string) => void
  /** Another session of the same server. */
  readonly session: () => HiveClient
}

export function openMetastore(dialect: 'hive' | 'spark'): Metastore {
  const databases = new Map<string, Map<string, Table | View>>([['default', new Map()]])
  const statements: string[] = []
  let duckdb: Promise<Database> | null = null
  /** Databases that DuckDB has no views of, or old ones. */
  const stale = new Set<string>()

  const refused = (message: string, code: 'STATEMENT' | 'NOT_FOUND' = 'STATEMENT') => new ConnectorError(code, message)
  const schemaNamed = (name: string) => {
    const found = databases.get(name.toLowerCase())
    if (found === undefined) throw refused(`Database "${name}" is not there`, 'NOT_FOUND')
    return found
  }
  const relation = ({ schema, name }: RelationName): Table | View => {
    const found = schemaNamed(schema).get(name)
    if (found === undefined) throw refused(`Table "${schema}.${name}" is not there`, 'NOT_FOUND')
    return found
  }
  const tableNamed = (name: RelationName): Table => {
    const found = relation(name)
    if (found.kind !== 'table') throw refused(`"${name.name}" is a view`)
    return found
  }

  const apply = (statement: Statement): void => {
    switch (statement.kind) {
      case 'create database':
        if (!databases.has(statement.schema)) databases.set(statement.schema, new Map())
        return
      case 'create table': {
        const { table, columns, partition, properties, format, location } = statement
        if (properties.get('external.table.purge') !== 'false') throw refused('a drop would delete the files')
        if (format !== 'PARQUET') throw refused('only Parquet is read here')
        const schema = schemaNamed(table.schema)
        if (schema.has(table.name)) return
        const own = columns.map((column) => ({ ...column, name: column.name.toLowerCase() }))
        const partitions = new Map<string, string>()
        const held = new Map(properties)
        schema.set(table.name, { kind: 'table', columns: own, partition, partitions, location, format, properties: held })
        return
      }
      case 'create view': {
        const { view, replace, lenient, properties, query } = statement
        const schema = schemaNamed(view.schema)
        const old = schema.get(view.name)
        if (old !== undefined && lenient) return
        if (old !== undefined && (!replace || old.kind === 'table')) throw refused(`"${view.name}" is there already`)
        schema.set(view.name, { kind: 'view', query, properties: new Map(properties) })
        return
      }
      case 'alter view': {
        const found = relation(statement.view)
        if (found.kind !== 'view') throw refused(`"${statement.view.name}" is a table`)
        found.query = statement.query
        return
      }
      case 'set properties':
        for (const [key, value] of statement.properties) relation(statement.table).properties.set(key, value)
        return
      case 'add columns': {
        if (statement.cascade !== (dialect === 'hive')) throw refused('CASCADE is for Hive alone')
        const table = tableNamed(statement.table)
        const taken = new Set(table.columns.map(({ name }) => name))
        if (statement.columns.some(({ name }) => taken.has(name))) throw refused('a column of that name is there')
        table.columns = [...table.columns, ...statement.columns]
        return
      }
      case 'add partitions':
        for (const { value, location } of statement.partitions) {
          if (filesAt(location).length === 0) throw refused(`nothing was uploaded to ${location}`)
          const { partitions } = tableNamed(statement.table)
          if (!partitions.has(value)) partitions.set(value, location)
        }
        return
      case 'set location':
        tableNamed(statement.table).partitions.set(statement.value, statement.location)
        return
      case 'move':
        tableNamed(statement.table).location = statement.location
        return
      case 'set format':
        if (dialect !== 'hive') throw refused('SET FILEFORMAT is for Hive alone')
        tableNamed(statement.table).format = statement.format
        return
      case 'statistics':
        if (!tableNamed(statement.table).partitions.has(statement.value)) throw refused('no such partition')
        return
      case 'drop partitions':
        for (const value of statement.values) tableNamed(statement.table).partitions.delete(value)
        return
      case 'drop': {
        const schema = schemaNamed(statement.table.schema)
        const found = schema.get(statement.table.name)
        if (found !== undefined && found.kind !== statement.what) throw refused(`"${statement.table.name}" is a ${found.kind}`)
        schema.delete(statement.table.name)
        return
      }
      default:
        throw refused('not a statement that changes something')
    }
  }

  const ask = async (statement: Statement, signal: AbortSignal): Promise<HiveResult> => {
    switch (statement.kind) {
      case 'show databases':
        return texts([...databases.keys()].map((name) => [name]))
      case 'show tables': {
        const names = [...schemaNamed(statement.schema).keys()]
        return texts(names.map((name) => (dialect === 'spark' ? [statement.schema, name, 'false'] : [name])))
      }
      case 'show properties':
        return texts([...relation(statement.table).properties])
      case 'show partitions': {
        const { partitions, partition } = tableNamed(statement.table)
        return texts([...partitions.keys()].map((value) => [`${partition.name}=${value}`]))
      }
      case 'setting':
        return texts([dialect === 'hive' ? [`${statement.name}=UTC`] : [statement.name, 'UTC']])
      case 'describe table': {
        const { columns, format, location } = tableNamed(statement.table)
        const input = format.toUpperCase() === 'ORC' ? 'orc.OrcInputFormat' : 'parquet.MapredParquetInputFormat'
        return texts([
          ...columns.map(({ name, type }) => [name, type.toLowerCase()]),
          ['# Detailed Table Information', null],
          ['Location:           ', location.replace('file:///', 'file:/')],
          [dialect === 'hive' ? 'Table Type:         ' : 'Type', dialect === 'hive' ? 'EXTERNAL_TABLE      ' : 'EXTERNAL'],
          ['InputFormat:       ', `org.apache.hadoop.hive.ql.io.${input}`],
        ])
      }
      case 'describe': {
        if (statement.partition !== null) {
          const { columns, partitions } = tableNamed(statement.table)
          const location = partitions.get(statement.partition)
          if (location === undefined) throw refused(`Partition "${statement.partition}" is not there`, 'NOT_FOUND')
          return texts([
            ...columns.map(({ name, type }) => [name, type.toLowerCase(), null]),
            ['# Detailed Partition Information', null, null],
            ['Location:           ', location.replace('file:///', 'file:/'), null],
          ])
        }
        const found = relation(statement.table)
        if (found.kind === 'table') {
          const partition = [found.partition.name, found.partition.type.toLowerCase(), null]
          const columns = found.columns.map(({ name, type }) => [name, type.toLowerCase(), null])
          return texts([...columns, partition, ['', null, null], ['# Partition Information', null, null]])
        }
        const { schema, name } = statement.table
        const { columns } = await run(`select * from "${schema}"."${name}" limit 0`, signal)
        return texts(columns.map((column) => [column.name, column.type, null]))
      }
      case 'query':
        return await run(toDuckdb(statement.query), signal)
      default:
        throw refused('this has no result')
    }
  }

  /** One query after the other: views are made anew before each. */
  let turn: Promise<unknown> = Promise.resolve()
  const run = async (sql: string, signal: AbortSignal): Promise<HiveResult> => {
    const answer = turn.then(() => answered(sql, signal))
    turn = answer.catch(() => undefined)
    return await answer
  }

  const answered = async (sql: string, signal: AbortSignal): Promise<HiveResult> => {
    duckdb ??= openDatabase(null, { access: 'write', threads: 1, memoryLimit: null, temporaryDirectory: null })
    const database = await duckdb
    try {
      for (const schema of [...stale]) await mirror(database, schema)
      const { result, schema, toBatch } = await streamQuery(database, sql)
      const types = schema.fields.map((field) => logicalTypeOf(field.type, field.name))
      const name = (given: string) => (dialect === 'hive' ? given.toLowerCase() : given)
      const columns = schema.fields.map((field, index) => ({ name: name(field.name), type: hiveType(types[index], dialect) }))
      const pages: { rows: number; columns: HiveValue[][] }[] = []
      for (;;) {
        signal.throwIfAborted()
        const chunk = await result.fetchChunk()
        if (chunk === null || chunk.rowCount === 0) break
        const batch = toBatch(chunk)
        pages.push({ rows: batch.numRows, columns: types.map((type, index) => hiveValues(batch.getChildAt(index), type)) })
      }
      return { columns, pages: each(pages) }
    } catch (error) {
      signal.throwIfAborted()
      if (error instanceof ConnectorError) throw error
      throw new ConnectorError('STATEMENT', `The metastore's engine refused a query: ${String(error)}`, { cause: error })
    }
  }

  /** DuckDB's views, one per table and view of the database. */
  const mirror = async (database: Database, schema: string): Promise<void> => {
    const relations = [...(databases.get(schema) ?? [])]
    await database.run(`drop schema if exists "${schema}" cascade`)
    await database.run(`create schema "${schema}"`)
    for (const kind of ['table', 'view'] as const) {
      for (const [name, found] of relations) {
        if (found.kind !== kind) continue
        const query = found.kind === 'table' ? scan(found) : toDuckdb(found.query)
        await database.run(`create view "${schema}"."${name}" as ${query}`)
      }
    }
    stale.delete(schema)
  }

  const session = (): HiveClient => ({
    dialect,
    statement: async (sql, signal) => {
      signal.throwIfAborted()
      const statement = parseStatement(sql)
      metastore.before(sql)
      apply(statement)
      stale.add(/`([^`]*)`/.exec(sql)?.[1]?.toLowerCase() ?? '')
      statements.push(sql)
      metastore.after(sql)
    },
    query: async (sql, signal) => {
      signal.throwIfAborted()
      return await ask(parseStatement(sql), signal)
    },
    [Symbol.asyncDispose]: async () => {},
  })
  const metastore: Metastore = {
    ...session(),
    statements,
    before: () => {},
    after: () => {},
    session,
    [Symbol.asyncDispose]: async () => {
      await (await duckdb)?.[Symbol.asyncDispose]()
    },
  }
  return metastore
}

const filesAt = (location: string): readonly string[] => {
  const directory = location.replace('file://', '')
  try {
    return readdirSync(directory).map((name) => `${directory}/${name}`)
  } catch {
    return []
  }
}

function scan({ columns, partition, partitions }: Table): string {
  const typed = columns.map(({ name, type }) => `cast("${name}" as ${duckdbType(type)}) as "${name}"`)
  const shape = columns.map(({ name, type }) => `cast(null as ${duckdbType(type)}) as "${name}"`)
  const empty = `select ${shape.join(', ')}, '' as "${partition.name}" where false`
  const parts = [...partitions].flatMap(([value, location]) => {
    // What is here reads Parquet; a table that was ORC is looked at by nobody.
    const readable = filesAt(location).filter((file) => !file.endsWith('.orc'))
    const files = readable.map((file) => `'${file.replaceAll("'", "''")}'`)
    // As Hive reads a directory that is not there.
    if (files.length === 0) return []
    const all = `select * from read_parquet([${files.join(', ')}], union_by_name = true) union all by name select ${shape.join(', ')} where false`
    return `select ${typed.join(', ')}, '${value}' as "${partition.name}" from (${all})`
  })
  return [empty, ...parts].join(' union all ')
}

function texts(rows: readonly (readonly (string | null)[])[]): HiveResult {
  const width = rows[0]?.length ?? 1
  const columns: HiveColumn[] = Array.from({ length: width }, (_, index) => ({ name: `c${index}`, type: 'string' }))
  const page = { rows: rows.length, columns: columns.map((_, index) => rows.map((row) => row[index] ?? null)) }
  return { columns, pages: each(rows.length === 0 ? [] : [page]) }
}

async function* each<T>(items: readonly T[]): AsyncGenerator<T> {
  yield* items
}

function hiveType(type: LogicalType | undefined, dialect: 'hive' | 'spark'): string {
  switch (type?.kind) {
    case 'bool':
      return 'boolean'
    case 'int16':
      return 'smallint'
    case 'int32':
      return 'int'
    case 'int64':
      return 'bigint'
    case 'float32':
      return 'float'
    case 'float64':
      return 'double'
    case 'decimal':
      return `decimal(${type.precision},${type.scale})`
    case 'binary':
    case 'date':
      return type.kind
    case 'timestamp':
      return dialect === 'spark' ? 'timestamp_ntz' : 'timestamp'
    default:
      return 'string'
  }
}

function hiveValues(vector: Parameters<typeof valueReader>[0] | null, type: LogicalType): HiveValue[] {
  if (vector === null) return []
  const read = valueReader(vector)
  return Array.from({ length: vector.length }, (_, row) => hiveValue(read(row), type))
}

function hiveValue(value: Value, type: LogicalType): HiveValue {
  const isText = type.kind === 'decimal' || type.kind === 'date' || type.kind === 'timestamp'
  return value !== null && isText ? canonicalText(value, type) : value
}
