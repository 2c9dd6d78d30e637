/** Feature values of all entities as a table: its columns and its rows as Arrow batches. Pure. */
import { Field, makeData, RecordBatch, Schema, Struct } from 'apache-arrow'
import { columnData, parseCanonical, type Value } from '../connectors/column-values.ts'
import { ConnectorError } from '../connectors/errors.ts'
import { arrowType, type LogicalType, typeName } from '../connectors/logical-type.ts'
import { type ColumnType, columnType, type Expression, type FeatureView } from './definition.ts'
import type { FeatureValues, ShownValue } from './evaluate.ts'

export type FeatureColumn = {
  readonly name: string
  readonly type: LogicalType
  readonly nullable: boolean
  readonly comment?: string
}

/** `asOf`: milliseconds since 1970. `position`: what was known. `definition`: the hash. */
export type FeatureRow = {
  readonly entity: string
  readonly asOf: number
  readonly position: string
  readonly definition: string
  readonly features: FeatureValues
}

const TEXT: LogicalType = { kind: 'utf8', format: 'text' }
const COUNT: LogicalType = { kind: 'int64' }
/** Sums and their parts in minor units. */
const WHOLE: LogicalType = { kind: 'decimal', precision: 38, scale: 0 }

type Shown = FeatureColumn & { readonly read: (row: FeatureRow) => ShownValue }

/**
 * `entity`, `as_of`, `position`, then every feature, of ratios also `<feature>.numerator` and `.denominator`, then `definition`.
 * Amounts are decimals of their currency's scale, numerators and denominators whole minor units. Throws `SCHEMA` when a
 * feature has the name of another column.
 */
export function featureColumns(view: FeatureView): readonly FeatureColumn[] {
  return shownColumns(view).map(({ read: _, ...column }) => column)
}

/** The rows as a batch of `featureColumns`. Throws `BAD_VALUE` for a sum of more than 38 digits, naming the feature. */
export function featureBatch(view: FeatureView, rows: readonly FeatureRow[]): RecordBatch {
  const columns = shownColumns(view)
  const fields = columns.map(
    ({ name, type, nullable }) => new Field(name, arrowType(type), nullable, new Map([['portage.type', typeName(type)]])),
  )
  const children = columns.map(({ name, type, read }) =>
    columnData(
      type,
      rows.map((row) => tableValue(name, read(row), type)),
    ),
  )
  return new RecordBatch(new Schema(fields), makeData({ type: new Struct(fields), length: rows.length, nullCount: 0, children }))
}

function shownColumns(view: FeatureView): readonly Shown[] {
  const columns: readonly Shown[] = [
    { name: 'entity', type: TEXT, nullable: false, read: ({ entity }) => entity },
    { name: 'as_of', type: { kind: 'timestamp', utc: true }, nullable: false, read: ({ asOf }) => asOf },
    { name: 'position', type: TEXT, nullable: false, read: ({ position }) => position },
    ...view.features.flatMap(({ name, value }) => featureColumnsOf(view, name, value)),
    { name: 'definition', type: TEXT, nullable: false, read: ({ definition }) => definition },
  ]
  const seen = new Set<string>()
  for (const { name } of columns) {
    if (seen.has(name)) {
      throw new ConnectorError('SCHEMA', `Feature view "${view.name}" would have two columns "${name}": rename the feature`)
    }
    seen.add(name)
  }
  return columns
}

function featureColumnsOf(view: FeatureView, name: string, value: Expression): readonly Shown[] {
  const reason = view.nulls[name]
  const comment = reason === undefined ? {} : { comment: `null: ${reason}` }
  const main: Shown = {
    name,
    type: featureType(view, value),
    nullable: reason !== undefined,
    ...comment,
    read: ({ features }) => features.values[name] ?? null,
  }
  if (!('ratio' in value)) return [main]
  const part = (which: 'numerator' | 'denominator'): Shown => ({
    name: `${name}.${which}`,
    type: WHOLE,
    nullable: false,
    read: ({ features }) => features.parts[name]?.[which] ?? null,
  })
  return [main, part('numerator'), part('denominator')]
}

function featureType(view: FeatureView, value: Expression): LogicalType {
  if ('ratio' in value) return { kind: 'float64' }
  if ('elapsedDays' in value || value.aggregate === 'count' || value.aggregate === 'distinct') return COUNT
  return logicalTypeOf(columnType(view, value.of.rows, value.column))
}

function logicalTypeOf(type: ColumnType): LogicalType {
  switch (type.kind) {
    case 'id':
    case 'text':
      return TEXT
    case 'boolean':
      return { kind: 'bool' }
    case 'integer':
      return WHOLE
    case 'money':
      return { kind: 'decimal', precision: 38, scale: type.scale }
    case 'instant':
      return { kind: 'timestamp', utc: true }
    default:
      return type satisfies never
  }
}

const DECIMAL_LIMIT = 10n ** 38n

function tableValue(name: string, shown: ShownValue, type: LogicalType): Value {
  if (shown === null) return null
  if (type.kind === 'timestamp') return BigInt(typeof shown === 'number' ? shown : Date.parse(String(shown))) * 1000n
  if (type.kind === 'bool' || type.kind === 'float64') return shown
  const value = parseCanonical(String(shown), type)
  if (typeof value === 'bigint' && type.kind === 'decimal' && (value >= DECIMAL_LIMIT || value <= -DECIMAL_LIMIT)) {
    throw new ConnectorError('BAD_VALUE', `Feature "${name}": a sum has more than 38 digits, which no table can hold`)
  }
  return value
}
