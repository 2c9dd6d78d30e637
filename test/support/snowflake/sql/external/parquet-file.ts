/**
 * What a Parquet file's columns are to Snowflake, in the worst interpretation: what has no ConvertedType is a plain integer or bytes,
 * data pages V2 cannot be read, strings without annotation are text or bytes by BINARY_AS_TEXT. I/O on local files.
 */
import { type FileHandle, open } from 'node:fs/promises'
import { parquetMetadataAsync, type SchemaElement } from 'hyparquet'
import { quoted } from '../bind/value.ts'
import type { FormatOptions } from '../catalogue/objects.ts'
import type { FileField, FileNode } from './file-node.ts'

export type FileShape = {
  readonly fields: readonly FileField[]
  /** Equal for files whose columns are alike. */
  readonly shape: string
  readonly rows: number
}

/** Null when the file cannot be read: Snowflake skips it and says nothing. */
export async function parquetShape(path: string, format: FormatOptions): Promise<FileShape | null> {
  try {
    await using file = await open(path)
    const { size } = await file.stat()
    const slice = async (start: number, end = size): Promise<ArrayBuffer> => {
      const bytes = new Uint8Array(end - start)
      await file.read(bytes, 0, bytes.length, start)
      return bytes.buffer
    }
    const metadata = await parquetMetadataAsync({ byteLength: size, slice })
    if (await hasVersion2(file, metadata.row_groups[0]?.columns.map(({ meta_data }) => meta_data?.data_page_offset) ?? []))
      return null
    const [root, ...rest] = metadata.schema
    if (root === undefined) return null
    const elements = rest[Symbol.iterator]()
    const fields = Array.from({ length: root.num_children ?? 0 }, () => readElement(elements, format))
    const duckNames = duckColumnNames(fields.map(({ name }) => name))
    const top = fields.map((field, index) => ({ ...field, sql: `f."${(duckNames[index] ?? field.name).replaceAll('"', '""')}"` }))
    return { fields: top, shape: JSON.stringify(top.map(shapeOf)), rows: Number(metadata.num_rows) }
  } catch {
    return null
  }
}

const shapeOf = (field: FileField): unknown => [field.name, field.sql, JSON.stringify(field.node), readOf(field.node)]

/** Two leaves of one kind may be read differently: the function's text tells. */
const readOf = (node: FileNode): string => {
  if (node.kind === 'object') return node.fields.map(({ node: inner }) => readOf(inner)).join(',')
  if (node.kind === 'array') return readOf(node.element)
  if (node.kind === 'map') return `${readOf(node.key)},${readOf(node.value)}`
  return 'read' in node ? String(node.read) : ''
}

/** A page header begins with its type: 0x15, then zigzag 3 for a data page V2. */
async function hasVersion2(file: FileHandle, offsets: readonly (bigint | undefined)[]): Promise<boolean> {
  for (const offset of offsets) {
    if (offset === undefined) continue
    const head = new Uint8Array(2)
    await file.read(head, 0, 2, Number(offset))
    if (head[0] === 0x15 && head[1] === 6) return true
  }
  return false
}

/** DuckDB tells columns apart without regard to case: later ones get a number. */
function duckColumnNames(names: readonly string[]): readonly string[] {
  const seen = new Map<string, number>()
  return names.map((name) => {
    const key = name.toLowerCase()
    const count = seen.get(key)
    seen.set(key, (count ?? 0) + 1)
    return count === undefined ? name : `${name}_${count}`
  })
}

function readElement(elements: Iterator<SchemaElement>, format: FormatOptions): FileField {
  const { value: element } = elements.next()
  if (element === undefined) throw new RangeError('schema ends early')
  const node =
    element.num_children === undefined || element.num_children === 0 ? leaf(element, format) : group(element, elements, format)
  return { name: element.name, node: element.repetition_type === 'REPEATED' ? { kind: 'array', element: node } : node }
}

function group(element: SchemaElement, elements: Iterator<SchemaElement>, format: FormatOptions): FileNode {
  const children = Array.from({ length: element.num_children ?? 0 }, () => readElement(elements, format))
  const annotation = element.converted_type ?? element.logical_type?.type
  const [inner] = children
  if (inner !== undefined && children.length === 1 && inner.node.kind === 'array') {
    const entry = inner.node.element
    if (annotation === 'LIST') {
      const [only] = entry.kind === 'object' ? entry.fields : []
      return {
        kind: 'array',
        element: entry.kind === 'object' && entry.fields.length === 1 && only !== undefined ? only.node : entry,
      }
    }
    if ((annotation === 'MAP' || annotation === 'MAP_KEY_VALUE') && entry.kind === 'object') {
      const [key, value] = entry.fields
      if (key !== undefined && value !== undefined) return { kind: 'map', key: key.node, value: value.node }
    }
  }
  return { kind: 'object', fields: children }
}

const UNITS: Readonly<Record<string, string>> = { MILLIS: 'epoch_ms', MICROS: 'epoch_us', NANOS: 'epoch_ns' }
const micros = (sql: string): string => `make_timestamp(epoch_us(${sql}))`

function leaf(element: SchemaElement, format: FormatOptions): FileNode {
  const { type, converted_type: converted, logical_type: logical } = element
  switch (converted) {
    case 'UTF8':
    case 'ENUM':
    case 'JSON':
      return textLeaf(format, (sql) => sql)
    case 'DATE':
      return { kind: 'date' }
    case 'TIME_MILLIS':
    case 'TIME_MICROS':
      return { kind: 'time', read: (sql) => `CAST(${sql} AS TIME)` }
    case 'TIMESTAMP_MILLIS':
    case 'TIMESTAMP_MICROS': {
      const local = logical?.type === 'TIMESTAMP' && !logical.isAdjustedToUTC
      return { kind: local ? 'timestamp_ltz' : 'timestamp_ntz', read: micros }
    }
    case 'DECIMAL':
      return { kind: 'decimal', precision: element.precision ?? 38, scale: element.scale ?? 0 }
    default:
      break
  }
  switch (type) {
    case 'BOOLEAN':
      return { kind: 'boolean' }
    case 'FLOAT':
    case 'DOUBLE':
      return { kind: 'double' }
    case 'INT96':
      return { kind: 'timestamp_ntz', read: micros }
    case 'INT32':
    case 'INT64':
      return { kind: 'integer', ...unannotatedInteger(logical) }
    default:
      return unannotatedBytes(logical, format)
  }
}

/** A LogicalType alone says nothing to Snowflake: the stored integer is shown. */
function unannotatedInteger(logical: SchemaElement['logical_type']): { readonly read?: (sql: string) => string } {
  if (logical?.type === 'TIMESTAMP') return { read: (sql) => `${UNITS[logical.unit]}(${sql})` }
  if (logical?.type === 'DATE') return { read: (sql) => `(${sql} - DATE '1970-01-01')` }
  if (logical?.type === 'TIME') return { read: (sql) => `${UNITS[logical.unit]}(DATE '1970-01-01' + CAST(${sql} AS TIME))` }
  if (logical?.type === 'DECIMAL') return { read: (sql) => `CAST(${sql} * ${10 ** logical.scale} AS HUGEINT)` }
  return {}
}

/** Text after TRIM_SPACE and NULL_IF, which is `\N` where the format does not say. */
function textLeaf({ trimSpace, nullIf }: FormatOptions, read: (sql: string) => string): FileNode {
  const trimmed = (sql: string): string => (trimSpace ? `trim(${read(sql)})` : read(sql))
  return { kind: 'text', read: (sql) => nullIf.reduce((text, none) => `nullif(${text}, ${quoted(none)})`, trimmed(sql)) }
}

/** Bytes: text that is no UTF-8 becomes NULL under BINARY_AS_TEXT. */
function unannotatedBytes(logical: SchemaElement['logical_type'], format: FormatOptions): FileNode {
  const isText = logical?.type === 'STRING' || logical?.type === 'ENUM' || logical?.type === 'JSON'
  const isUuid = logical?.type === 'UUID'
  const bytes = (sql: string): string =>
    isText ? `encode(${sql})` : isUuid ? `unhex(replace(CAST(${sql} AS VARCHAR), '-', ''))` : sql
  if (!format.binaryAsText) return { kind: 'binary', read: bytes }
  return textLeaf(format, isText ? (sql) => sql : (sql) => `TRY(decode(${bytes(sql)}))`)
}
