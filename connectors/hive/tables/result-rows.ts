/** Rows that a server sends, as record batches of logical types, exact. Pure but for the pages that are fetched. */
import { Field, makeData, RecordBatch, Schema, Struct } from 'apache-arrow'
import { columnData, parseCanonical, type Value } from '../../column-values.ts'
import { ConnectorError } from '../../errors.ts'
import { arrowType, type LogicalType } from '../../logical-type.ts'
import type { TableBatch, TransferColumn } from '../../tables.ts'
import type { HiveColumn, HivePage, HiveResult, HiveValue } from '../client/client.ts'
import { logicalTypeOf } from './column-type.ts'
import { DEFAULT_PARTITION } from './partition-name.ts'

/** Throws `UNSUPPORTED` naming the columns that no logical type holds. */
export function resultColumns(
  columns: readonly HiveColumn[],
  owner: 'hive' | 'spark',
  subject: string,
): readonly TransferColumn[] {
  const unheld: string[] = []
  const found = columns.map(({ name, type }, index): TransferColumn => {
    const logical = logicalTypeOf(type, owner)
    if (logical === null) unheld.push(`"${name}" (${type})`)
    if (columns.findIndex((each) => each.name === name) < index) {
      throw new ConnectorError('SCHEMA', `${subject} has two columns "${name}": name one of them otherwise (select … as …)`)
    }
    return { name, type: logical ?? { kind: 'utf8', format: 'text' }, sourceType: type, nullable: true }
  })
  if (unheld.length === 0) return found
  throw new ConnectorError(
    'UNSUPPORTED',
    `${subject}: ${unheld.join(', ')}: a server sends such values as text that cannot be read back. Leave them out, or name the table ` +
      'without a condition: its files are read then, nested values as JSON',
  )
}

export type ResultShape = {
  readonly columns: readonly TransferColumn[]
  /** For messages. */
  readonly subject: string
  /** Names of partition columns of text, in which Hive shows NULL as the name of its directory, cut to the column's length. */
  readonly partitionTexts?: ReadonlySet<string>
}

/** A batch per page. Throws `BAD_VALUE` naming the column for a value that its type cannot hold. */
export async function* resultBatches(
  { pages }: HiveResult,
  { columns, subject, partitionTexts }: ResultShape,
): AsyncGenerator<TableBatch> {
  const schema = new Schema(columns.map(({ name, type }) => new Field(name, arrowType(type), true)))
  const struct = new Struct(schema.fields)
  for await (const page of pages) {
    if (page.rows === 0) continue
    const children = columns.map((column, index) => {
      const nulls = partitionTexts?.has(column.name) ? defaultPartition(column.sourceType) : null
      return columnOf(page, index, column, { subject, nulls })
    })
    const data = makeData({ type: struct, length: page.rows, nullCount: 0, children })
    yield { batch: new RecordBatch(schema, data), release: () => undefined }
  }
}

function defaultPartition(sourceType: string): string {
  const length = /^(?:var)?char\((\d+)\)$/.exec(sourceType)?.[1]
  return length === undefined ? DEFAULT_PARTITION : DEFAULT_PARTITION.slice(0, Number(length))
}

function columnOf(
  page: HivePage,
  index: number,
  { name, type }: TransferColumn,
  { subject, nulls }: { readonly subject: string; readonly nulls: string | null },
) {
  const values = page.columns[index] ?? []
  const held = values.map((value): Value => {
    const found = value === null || value === nulls ? null : heldValue(value, type)
    if (found === undefined) {
      throw new ConnectorError(
        'BAD_VALUE',
        `${subject}, column "${name}": a value does not fit ${type.kind}${type.kind === 'timestamp' ? ' (of microseconds)' : ''}. ` +
          'Cast the column in a query, or leave it out with --columns',
      )
    }
    return found
  })
  return columnData(type, held)
}

const DATE = /^-?\d{4,6}-\d{2}-\d{2}$/
const TIMESTAMP = /^(\d{4}-\d{2}-\d{2}) (\d{2}:\d{2}:\d{2})(?:\.(\d{1,9}))?(?: UTC)?$/

/** Undefined: it does not fit. Decimals come with as many digits behind the point as they need. */
function heldValue(value: Exclude<HiveValue, null>, type: LogicalType): Value | undefined {
  if (typeof value !== 'string') return value
  switch (type.kind) {
    case 'utf8':
      return value
    case 'date':
      return DATE.test(value) ? finite(parseCanonical(value, type) as number) : undefined
    case 'timestamp': {
      const [, day, clock, fraction = ''] = TIMESTAMP.exec(value) ?? []
      if (day === undefined || /[1-9]/.test(fraction.slice(6))) return undefined
      return parseCanonical(`${day} ${clock}.${fraction.slice(0, 6)}`, type)
    }
    case 'decimal': {
      const [, fraction = ''] = /^-?\d+(?:\.(\d+))?$/.exec(value) ?? []
      if (!/^-?\d+(?:\.\d+)?$/.test(value) || /[1-9]/.test(fraction.slice(type.scale))) return undefined
      return parseCanonical(
        fraction.length > type.scale ? value.slice(0, value.length - (fraction.length - type.scale)) : value,
        type,
      )
    }
    default:
      return undefined
  }
}

const finite = (value: number): number | undefined => (Number.isFinite(value) ? value : undefined)
