/** Types of Hive and Spark, as their catalogues spell them, as logical types and shapes. Pure. */
import type { LogicalType } from '../../logical-type.ts'
import type { ForeignShape } from '../../manifest.ts'

export type Owner = 'hive' | 'spark'

/**
 * Null: nested, or a type that no logical type holds (`void`, intervals, `variant`). A TIMESTAMP is a wall clock in Hive and an
 * instant in Spark.
 */
export function logicalTypeOf(spelled: string, owner: Owner): LogicalType | null {
  const shape = shapeOf(spelled, owner)
  return shape?.kind === 'value' ? shape.type : null
}

/** Null when nothing here holds values of the type, or of one inside of it. */
export function shapeOf(spelled: string, owner: Owner): ForeignShape | null {
  const reader: Reader = { text: spelled, at: 0, owner }
  const shape = readShape(reader)
  return shape !== null && blanks(reader) === spelled.length ? shape : null
}

type Reader = { readonly text: string; at: number; readonly owner: Owner }

function readShape(reader: Reader): ForeignShape | null {
  const { text } = reader
  const word = take(reader, /[a-z_]+/iy)?.toLowerCase() ?? ''
  switch (word) {
    case 'array': {
      const [item] = inner(reader, readShape)
      return item === undefined ? null : { kind: 'list', item }
    }
    case 'map': {
      const [key, value] = inner(reader, readShape)
      return key === undefined || value === undefined ? null : { kind: 'map', key, value }
    }
    case 'uniontype': {
      const branches = inner(reader, readShape)
      return branches.length === 0 ? null : { kind: 'union', branches }
    }
    case 'struct': {
      const fields = inner(reader, readField)
      return fields.length === 0 ? null : { kind: 'struct', fields }
    }
    case 'char':
    case 'varchar': {
      const length = Number(take(reader, /\(\s*(\d+)\s*\)/y, 1) ?? Number.NaN)
      if (!(length > 0)) return null
      return { kind: 'value', type: TEXT, cut: length, ...(word === 'char' ? { pad: length } : {}) }
    }
    case 'decimal':
    case 'numeric': {
      const [precision = '10', scale = '0'] = take(reader, /\(\s*([\d\s,]+)\)/y, 1)?.split(',') ?? []
      return { kind: 'value', type: { kind: 'decimal', precision: Number(precision), scale: Number(scale) } }
    }
    case 'timestamp': {
      const zoned = take(reader, /\s+with\s+local\s+time\s+zone(?:\s*\('[^']*'\))?/iy) !== null
      return { kind: 'value', type: { kind: 'timestamp', utc: zoned || reader.owner === 'spark' } }
    }
    case 'string':
      // Spark may name a collation, which decides how texts compare, not what they are.
      take(reader, /\s+collate\s+\w+/iy)
      return { kind: 'value', type: TEXT }
    default: {
      const type = PLAIN[word]
      return type === undefined || /\w/.test(text[reader.at] ?? '') ? null : { kind: 'value', type }
    }
  }
}

/** What stands between angle brackets, separated by commas; empty when one of it cannot be read. */
function inner<T>(reader: Reader, read: (reader: Reader) => T | null): readonly T[] {
  if (take(reader, /\s*</y) === null) return []
  const found: T[] = []
  for (;;) {
    blanks(reader)
    const one = read(reader)
    if (one === null) return []
    found.push(one)
    if (take(reader, /\s*,/y) !== null) continue
    return take(reader, /\s*>/y) === null ? [] : found
  }
}

function readField(reader: Reader): { readonly name: string; readonly shape: ForeignShape } | null {
  const quoted = take(reader, /`((?:[^`]|``)*)`/y, 1)
  const name = quoted === null ? take(reader, /[^:`<>]+/y) : quoted.replaceAll('``', '`')
  if (name === null || take(reader, /\s*:\s*/y) === null) return null
  const shape = readShape(reader)
  return shape === null ? null : { name: name.trim(), shape }
}

function take(reader: Reader, pattern: RegExp, group = 0): string | null {
  pattern.lastIndex = reader.at
  const found = pattern.exec(reader.text)
  if (found === null) return null
  reader.at = pattern.lastIndex
  return found[group] ?? null
}

function blanks(reader: Reader): number {
  take(reader, /\s*/y)
  return reader.at
}

const TEXT = { kind: 'utf8', format: 'text' } as const

const PLAIN: Readonly<Record<string, LogicalType>> = {
  boolean: { kind: 'bool' },
  tinyint: { kind: 'int16' },
  smallint: { kind: 'int16' },
  int: { kind: 'int32' },
  integer: { kind: 'int32' },
  bigint: { kind: 'int64' },
  float: { kind: 'float32' },
  double: { kind: 'float64' },
  binary: { kind: 'binary' },
  date: { kind: 'date' },
  timestamp_ntz: { kind: 'timestamp', utc: false },
  timestamp_ltz: { kind: 'timestamp', utc: true },
}
