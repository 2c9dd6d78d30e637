/**
 * The type of a value inside a file, as Snowflake's VARIANT shows it. Worst-case reading rules are in `parquet-file.ts`; here is
 * what a value of each kind becomes: its type, and its JSON.
 */
import { type Bound, bound } from '../bind/value.ts'
import { BOOLEAN, binary, DATE, FLOAT, number, type SqlType, text, time, timestamp, VARIANT } from '../types.ts'

export type FileNode =
  | ({
      readonly kind: 'integer' | 'double' | 'boolean' | 'text' | 'binary' | 'date' | 'time' | 'timestamp_ntz' | 'timestamp_ltz'
    } & Leaf)
  | ({ readonly kind: 'decimal'; readonly precision: number; readonly scale: number } & Leaf)
  | { readonly kind: 'array'; readonly element: FileNode }
  | { readonly kind: 'map'; readonly key: FileNode; readonly value: FileNode }
  | { readonly kind: 'object'; readonly fields: readonly FileField[] }
  /** JSON text whose types only its rows tell. */
  | { readonly kind: 'json' }

/** How DuckDB's value of the file becomes the kind's; absent: it is that already. */
type Leaf = { readonly read?: (sql: string) => string }

/** `sql`: the whole expression, where the object is the file's row itself. */
export type FileField = { readonly name: string; readonly node: FileNode; readonly sql?: string }

const fieldSql = (sql: string, field: FileField): string =>
  field.sql ?? `struct_extract(${sql}, '${field.name.replaceAll("'", "''")}')`

/** A scalar's value in its kind's type. */
export const leafSql = (node: FileNode, sql: string): string => ('read' in node && node.read !== undefined ? node.read(sql) : sql)

/** Marks of strings that stand for values that JSON does not know; the first character cannot be in a file's text unescaped. */
export const MARKS = {
  binary: 'B',
  date: 'D',
  double: 'F',
  time: 'T',
  timestamp_ntz: 'N',
  timestamp_ltz: 'L',
  timestamp_tz: 'Z',
} as const
export const MARK = '\u0001'

const markedJson = (letter: string, sql: string): string => `'"\\u0001${letter}' || ${sql} || '"'`

/** The SQL type that a scalar of a file has; null for nested ones and JSON. */
export function nodeType(node: FileNode): SqlType | null {
  switch (node.kind) {
    case 'integer':
      return number(38)
    case 'decimal':
      return number(node.precision, node.scale)
    case 'double':
      return FLOAT
    case 'boolean':
      return BOOLEAN
    case 'text':
      return text()
    case 'binary':
      return binary()
    case 'date':
      return DATE
    case 'time':
      return time()
    case 'timestamp_ntz':
    case 'timestamp_ltz':
      return timestamp(node.kind)
    case 'array':
    case 'map':
    case 'object':
    case 'json':
      return null
    default:
      return node satisfies never
  }
}

/** What TYPEOF answers; null where only the row tells. */
export function nodeTypeOf(node: FileNode): string | null {
  switch (node.kind) {
    case 'text':
      return 'VARCHAR'
    case 'map':
      return 'ARRAY'
    case 'json':
      return null
    case 'decimal':
      return node.scale === 0 ? 'INTEGER' : 'DECIMAL'
    default:
      return node.kind.toUpperCase()
  }
}

/** The value as the JSON text of a VARIANT; SQL NULL stays NULL. */
export function nodeJson(node: FileNode, raw: string): string {
  const sql = leafSql(node, raw)
  switch (node.kind) {
    case 'integer':
      return `CAST(${sql} AS VARCHAR)`
    case 'boolean':
      return `CAST(${sql} AS VARCHAR)`
    case 'decimal':
      return `sf_number_json(CAST(${sql} AS DECIMAL(${node.precision === node.scale ? 38 : node.precision},${node.scale})))`
    case 'double':
      return `sf_double_json(CAST(${sql} AS DOUBLE))`
    case 'text':
      return `CAST(to_json(${sql}) AS VARCHAR)`
    case 'binary':
      return markedJson(MARKS.binary, `hex(${sql})`)
    case 'date':
      return markedJson(MARKS.date, `CAST(${sql} AS VARCHAR)`)
    case 'time':
      return markedJson(MARKS.time, `CAST(${sql} AS VARCHAR)`)
    case 'timestamp_ntz':
    case 'timestamp_ltz':
      return markedJson(MARKS[node.kind], `strftime(${sql}, '%Y-%m-%d %H:%M:%S.%f')`)
    case 'json':
      return sql
    case 'array':
      return `CASE WHEN ${sql} IS NULL THEN NULL ELSE '[' || coalesce(array_to_string(${elements(node.element, sql)}, ','), '') || ']' END`
    case 'map': {
      const entry = `'{"key":' || ${nodeJson(node.key, 'e.key')} || ',"value":' || coalesce(${nodeJson(node.value, 'e.value')}, 'null') || '}'`
      return `CASE WHEN ${sql} IS NULL THEN NULL ELSE '[' || coalesce(array_to_string(list_transform(map_entries(${sql}), lambda e: ${entry}), ','), '') || ']' END`
    }
    case 'object': {
      const fields = node.fields.map((field) => {
        const key = JSON.stringify(field.name).replaceAll("'", "''")
        return `'${key}:' || ${nodeJson(field.node, fieldSql(sql, field))}`
      })
      return `CASE WHEN ${sql} IS NULL THEN NULL ELSE '{' || concat_ws(',', ${fields.length === 0 ? "''" : fields.join(', ')}) || '}' END`
    }
    default:
      return node satisfies never
  }
}

/** NULLs inside arrays are dropped: so does Snowflake with Parquet lists. */
const elements = (element: FileNode, sql: string): string =>
  `list_transform(list_filter(${sql}, lambda e: e IS NOT NULL), lambda e: ${nodeJson(element, 'e')})`

/** One step of a path into a file's value; null when there is nothing at it. */
export function nodeStep(
  node: FileNode,
  sql: string,
  step: string | number,
): { readonly node: FileNode; readonly sql: string } | null {
  if (node.kind === 'object' && typeof step === 'string') {
    const field = node.fields.find(({ name }) => name === step)
    return field === undefined ? null : { node: field.node, sql: fieldSql(sql, field) }
  }
  if (node.kind === 'array' && typeof step === 'number') {
    return { node: node.element, sql: `list_filter(${sql}, lambda e: e IS NOT NULL)[${step + 1}]` }
  }
  if (node.kind === 'json' || node.kind === 'map') {
    const path = typeof step === 'number' ? `$[${step}]` : `$.${JSON.stringify(step)}`
    return {
      node: { kind: 'json' },
      sql: `CAST(json_extract(${nodeJson(node, sql)}, '${path.replaceAll("'", "''")}') AS VARCHAR)`,
    }
  }
  return null
}

/** The value as an ordinary VARIANT. */
export function variantOf(value: Bound): Bound {
  return value.node === undefined ? value : bound(nodeJson(value.node, value.sql), VARIANT, value.nullable)
}
