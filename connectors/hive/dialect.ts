/** SQL of Hive and of Spark as data for the generators, and what else differs between the two. Pure. */
import type { LogicalType } from '../logical-type.ts'
import type { Dialect } from '../ports.ts'
import { identifier, text } from './quote.ts'

export type HiveDialectName = 'hive' | 'spark'

/** What the one does that the other refuses or does otherwise. */
export type HiveWords = {
  /** Behind `ADD COLUMNS (…)`: partitions made before get the columns, too. */
  readonly cascade: string
  /**
   * How the text of a view that is there is replaced at once. Spark carries `CREATE OR REPLACE VIEW` out as a drop and a
   * creation, so that a query between the two finds nothing.
   */
  readonly replaceView: 'create' | 'alter'
}

/** The type of a column of a table of files; views show `sqlType`. */
export function storedType(type: LogicalType): string {
  switch (type.kind) {
    case 'bool':
      return 'BOOLEAN'
    case 'int16':
      return 'SMALLINT'
    case 'int32':
      return 'INT'
    case 'int64':
      return 'BIGINT'
    case 'float32':
      return 'FLOAT'
    case 'float64':
      return 'DOUBLE'
    case 'decimal':
      return `DECIMAL(${type.precision},${type.scale})`
    case 'utf8':
      return 'STRING'
    case 'binary':
      return 'BINARY'
    case 'date':
      return 'DATE'
    case 'timestamp':
      return 'TIMESTAMP'
    default:
      return type satisfies never
  }
}

/** Spark's plain timestamp is an instant shown in the session's zone; ours are wall clocks in UTC. */
const sqlType = (name: HiveDialectName, type: LogicalType): string =>
  name === 'spark' && type.kind === 'timestamp' ? 'TIMESTAMP_NTZ' : storedType(type)

function literal(name: HiveDialectName, value: string, type: LogicalType): string {
  switch (type.kind) {
    case 'utf8':
      return text(value)
    case 'bool':
      // Hive takes every text for true that is not "false" or empty.
      return value === 't' ? 'TRUE' : 'FALSE'
    case 'binary':
      return `UNHEX(${text(value)})`
    default:
      return `CAST(${text(value)} AS ${sqlType(name, type)})`
  }
}

function column(name: HiveDialectName, physical: string, type: LogicalType): string {
  // Tables of files have the types of the newest schema already; only a wall clock reads as something else.
  return name === 'spark' && type.kind === 'timestamp' ? `CAST(${identifier(physical)} AS TIMESTAMP_NTZ)` : identifier(physical)
}

const dialect = (name: HiveDialectName): Dialect => ({
  name,
  quote: '`',
  relationNames: 'words',
  // Hive forgets the case of every name; Spark keeps that of a view's columns.
  ...(name === 'hive' ? { folds: 'lower' } : {}),
  typeOf: (type) => sqlType(name, type),
  literal: (value, type) => literal(name, value, type),
  column: (physical, type) => column(name, physical, type),
})

export const DIALECTS: Readonly<Record<HiveDialectName, Dialect>> = { hive: dialect('hive'), spark: dialect('spark') }

export const WORDS: Readonly<Record<HiveDialectName, HiveWords>> = {
  hive: { cascade: ' CASCADE', replaceView: 'create' },
  spark: { cascade: '', replaceView: 'alter' },
}
