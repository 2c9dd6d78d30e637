/** What differs between the engines that run the generated SQL. Data and small pure functions. */
import type { ColumnType } from '../definition.ts'

export type SqlDialect = {
  readonly name: 'duckdb' | 'postgres' | 'snowflake' | 'spark'
  readonly identifier: (name: string) => string
  readonly text: string
  /** Wide enough for sums of minor units. */
  readonly integer: string
  readonly bigint: string
  readonly double: string
  readonly boolean: string
  /** A position whose order is that of its bytes. */
  readonly position: (column: string) => string
  /** Milliseconds since 1970 of a timestamp that shows UTC, finer fractions cut off towards the past. */
  readonly milliseconds: (column: string) => string
  /** Exact quotient of two integers where the first is a multiple of the second. */
  readonly exactQuotient: (dividend: string, divisor: number) => string
  /** An expression of type `integer` that ends the statement with the message when it is computed. `column`: any of the row. */
  readonly refusal: (message: string, column: string) => string
  /** `create` statement of a table function with arguments `as_of_ms` and `known_position`. */
  readonly tableFunction: (options: {
    readonly name: string
    readonly columns: readonly (readonly [name: string, type: string])[]
    readonly body: string
  }) => string
}

const doubleQuoted = (name: string) => `"${name.replaceAll('"', '""')}"`
const columnList = (dialect: SqlDialect, columns: readonly (readonly [string, string])[]) =>
  columns.map(([name, type]) => `${dialect.identifier(name)} ${type}`).join(', ')

export const duckdb: SqlDialect = {
  name: 'duckdb',
  position: (column) => column,
  identifier: doubleQuoted,
  text: 'varchar',
  integer: 'hugeint',
  bigint: 'bigint',
  double: 'double',
  boolean: 'boolean',
  // Integer division truncates towards zero: before 1970 that would be the future.
  milliseconds: (column) => `((epoch_us(${column}) - (epoch_us(${column}) % 1000 + 1000) % 1000) // 1000)`,
  exactQuotient: (dividend, divisor) => `(${dividend}) // ${divisor}`,
  refusal: (message) => `error('${message}')`,
  tableFunction: ({ name, body }) => `create or replace macro ${name}(as_of_ms, known_position) as table\n${body}`,
}

export const postgres: SqlDialect = {
  name: 'postgres',
  position: (column) => `${column} collate "C"`,
  identifier: doubleQuoted,
  text: 'text',
  integer: 'numeric(38, 0)',
  bigint: 'bigint',
  double: 'double precision',
  boolean: 'boolean',
  milliseconds: (column) => `cast(floor(extract(epoch from ${column}) * 1000) as bigint)`,
  exactQuotient: (dividend, divisor) => `(${dividend}) / ${divisor}`,
  // Without a column it would be computed, and fail, while the statement is planned.
  refusal: (message, column) => `cast(concat('${message}', left(cast(${column} as text), 0)) as numeric)`,
  tableFunction: ({ name, columns, body }) =>
    `create or replace function ${name}(as_of_ms bigint, known_position text)\nreturns table (${columnList(postgres, columns)})\nlanguage sql stable as $function$\n${body}\n$function$`,
}

export const snowflake: SqlDialect = {
  name: 'snowflake',
  position: (column) => column,
  identifier: doubleQuoted,
  text: 'VARCHAR',
  integer: 'NUMBER(38,0)',
  bigint: 'NUMBER(38,0)',
  double: 'DOUBLE',
  boolean: 'BOOLEAN',
  milliseconds: (column) => `cast(floor(date_part(epoch_microsecond, ${column}) / 1000) as NUMBER(38,0))`,
  // NUMBER division rounds; of a multiple it is exact.
  exactQuotient: (dividend, divisor) => `cast((${dividend}) / ${divisor} as NUMBER(38,0))`,
  refusal: (message, column) => `cast(concat('${message}', left(cast(${column} as VARCHAR), 0)) as NUMBER(38,0))`,
  tableFunction: ({ name, columns, body }) =>
    `CREATE OR REPLACE FUNCTION ${name}(AS_OF_MS NUMBER(38,0), KNOWN_POSITION VARCHAR)\nRETURNS TABLE (${columnList(snowflake, columns)})\nAS $$\n${body}\n$$`,
}

export const spark: SqlDialect = {
  name: 'spark',
  position: (column) => column,
  identifier: (name) => `\`${name.replaceAll('`', '``')}\``,
  text: 'STRING',
  integer: 'DECIMAL(38,0)',
  bigint: 'BIGINT',
  double: 'DOUBLE',
  boolean: 'BOOLEAN',
  milliseconds: (column) => `unix_millis(${column})`,
  exactQuotient: (dividend, divisor) => `(${dividend}) div ${divisor}`,
  refusal: (message) => `cast(raise_error('${message}') as DECIMAL(38,0))`,
  tableFunction: ({ name, columns, body }) =>
    `CREATE OR REPLACE FUNCTION ${name}(as_of_ms BIGINT, known_position STRING)\nRETURNS TABLE (${columnList(spark, columns)})\nRETURN\n${body}`,
}

export const SQL_DIALECTS: readonly SqlDialect[] = [duckdb, postgres, snowflake, spark]

/** A literal of text; the generator writes nothing else that came from outside but identifiers. */
export function textLiteral(dialect: SqlDialect, text: string): string {
  const escaped = dialect.name === 'snowflake' || dialect.name === 'spark' ? text.replaceAll('\\', '\\\\') : text
  // Spark joins adjacent quoted parts instead of reading '' as one quote.
  return `'${escaped.replaceAll("'", dialect.name === 'spark' ? "\\'" : "''")}'`
}

/** The type a history shows a column in: texts, integers of minor units, milliseconds. */
export function historyType(dialect: SqlDialect, type: ColumnType): string {
  switch (type.kind) {
    case 'id':
    case 'text':
      return dialect.text
    case 'boolean':
      return dialect.boolean
    case 'integer':
    case 'money':
      return dialect.integer
    case 'instant':
      return dialect.bigint
    default:
      return type satisfies never
  }
}

/** Floor division of an integer expression, also below zero. */
export function floorQuotient(dialect: SqlDialect, dividend: string, divisor: number): string {
  return dialect.exactQuotient(`(${dividend}) - mod(mod(${dividend}, ${divisor}) + ${divisor}, ${divisor})`, divisor)
}
