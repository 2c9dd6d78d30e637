/**
 * Each logical type's name in every format and engine, side by side: every connector states its own names, and its tests hold
 * them against this table.
 */
import type { LogicalKind, LogicalType, TextFormat } from '../../connectors/logical-type.ts'

export type Engine = 'parquet' | 'orc' | 'duckdb' | 'snowflake' | 'hive' | 'spark'

/** Names by engine; `{p}` and `{s}` stand for a decimal's precision and scale. */
export type TypeNames = Readonly<Record<Engine, string>>

const TEXT: TypeNames = {
  parquet: 'STRING',
  orc: 'string',
  duckdb: 'VARCHAR',
  snowflake: 'VARCHAR',
  hive: 'STRING',
  spark: 'STRING',
}

/** Both timestamp kinds: instants are kept in UTC, wall clocks as they read. Most engines present both as a zoneless timestamp. */
const TIMESTAMP: TypeNames = {
  parquet: 'TIMESTAMP(MICROS,true)',
  orc: 'timestamp',
  duckdb: 'TIMESTAMP',
  snowflake: 'TIMESTAMP_NTZ(6)',
  hive: 'TIMESTAMP',
  spark: 'TIMESTAMP_NTZ',
}

/** Where an engine presents an instant as such. */
const INSTANT: Partial<TypeNames> = { duckdb: 'TIMESTAMPTZ' }

const BY_KIND = {
  bool: { parquet: 'BOOLEAN', orc: 'boolean', duckdb: 'BOOLEAN', snowflake: 'BOOLEAN', hive: 'BOOLEAN', spark: 'BOOLEAN' },
  int16: { parquet: 'INT32', orc: 'short', duckdb: 'SMALLINT', snowflake: 'NUMBER(5,0)', hive: 'SMALLINT', spark: 'SMALLINT' },
  int32: { parquet: 'INT32', orc: 'int', duckdb: 'INTEGER', snowflake: 'NUMBER(10,0)', hive: 'INT', spark: 'INT' },
  int64: { parquet: 'INT64', orc: 'long', duckdb: 'BIGINT', snowflake: 'NUMBER(19,0)', hive: 'BIGINT', spark: 'BIGINT' },
  float32: { parquet: 'FLOAT', orc: 'float', duckdb: 'FLOAT', snowflake: 'FLOAT', hive: 'FLOAT', spark: 'FLOAT' },
  float64: { parquet: 'DOUBLE', orc: 'double', duckdb: 'DOUBLE', snowflake: 'FLOAT', hive: 'DOUBLE', spark: 'DOUBLE' },
  decimal: {
    parquet: 'DECIMAL({p},{s})',
    orc: 'decimal({p},{s})',
    duckdb: 'DECIMAL({p},{s})',
    snowflake: 'NUMBER({p},{s})',
    hive: 'DECIMAL({p},{s})',
    spark: 'DECIMAL({p},{s})',
  },
  utf8: TEXT,
  binary: { parquet: 'BYTE_ARRAY', orc: 'binary', duckdb: 'BLOB', snowflake: 'BINARY', hive: 'BINARY', spark: 'BINARY' },
  date: { parquet: 'DATE', orc: 'date', duckdb: 'DATE', snowflake: 'DATE', hive: 'DATE', spark: 'DATE' },
  timestamp: TIMESTAMP,
} as const satisfies Record<LogicalKind, TypeNames>

/** Where an engine presents a text as something better. The files' bytes are the same text. */
const BY_FORMAT: Readonly<Record<TextFormat, Partial<TypeNames>>> = {
  text: {},
  json: { snowflake: 'VARIANT' },
  uuid: { snowflake: 'VARCHAR(36)' },
  time: { snowflake: 'TIME(6)' },
  timetz: {},
  interval: {},
  hex: {},
}

/** The name of a logical type in a format or engine, such as `NUMBER(12,2)`. */
export function engineType(type: LogicalType, engine: Engine): string {
  switch (type.kind) {
    case 'decimal':
      return BY_KIND.decimal[engine].replace('{p}', String(type.precision)).replace('{s}', String(type.scale))
    case 'utf8':
      return BY_FORMAT[type.format][engine] ?? TEXT[engine]
    case 'timestamp':
      return (type.utc ? INSTANT[engine] : undefined) ?? TIMESTAMP[engine]
    default:
      return BY_KIND[type.kind][engine]
  }
}
