/**
 * Column policies applied to rows: filtered, masked, renamed, left out, in new buffers where anything changes. Pure.
 *
 * A row that the filter does not want leaves nothing behind. Where the log cannot say whether the old row was wanted (an update or a
 * delete of a keyed table without replica identity full), a delete of the key stands in its place, and only of the key.
 */
import { type Data, makeData, type RecordBatch, Vector } from 'apache-arrow'
import { METADATA_COLUMNS, OPS, type Reject, type RowBatch, sourceBatchSchema } from '../../../connectors/change.ts'
import { columnData, parseCanonical, type Value, valueReader } from '../../../connectors/column-values.ts'
import { ConnectorError } from '../../../connectors/errors.ts'
import { batchOf } from '../../land/batch-of.ts'
import type { GovernedTable } from './govern-table.ts'
import { maskData } from './mask.ts'
import { hideRows, takeRows } from './take-rows.ts'

/** The batch as the lake is to have it, or null when no row of it is wanted. `release` frees the original's buffers. */
export function governBatch(rows: RowBatch, governed: GovernedTable): RowBatch | null {
  if (governed.table === governed.raw) return rows
  const { batch, part } = rows
  const choice = governed.test === null ? null : chooseRows(rows, governed)
  if (choice?.indices.length === 0) return null
  const taken = (data: Data): Data => (choice === null || choice.all ? data : takeRows(data, choice.indices))
  const [op, position, committed, unchanged] = METADATA_COLUMNS.map((name, index) => childAt(batch, index, name))
  if (op === undefined || position === undefined || committed === undefined || unchanged === undefined) throw lacking(rows, '_op')
  const hidden = choice?.hidden ?? null
  const children: Data[] = [
    hidden === null || choice === null ? taken(op) : withDeletes(op, choice.indices, hidden),
    taken(position),
    taken(committed),
    unchangedNames(hidden === null ? taken(unchanged) : hideRows(taken(unchanged), hidden), governed),
  ]
  const places = new Map(governed.raw.columns.map(({ id }, index) => [id, METADATA_COLUMNS.length + index]))
  const key = new Set(governed.raw.key)
  for (const column of governed.table.columns) {
    const data = batch.data.children[places.get(column.id) ?? -1]
    if (data === undefined) throw lacking(rows, column.name)
    const shown = hidden === null || key.has(column.id) ? taken(data) : hideRows(taken(data), hidden)
    const mask = governed.masks.get(column.id)
    children.push(mask === undefined ? shown : maskData(mask, column.policy?.type ?? column.type, shown))
  }
  const schema = sourceBatchSchema(governed.table, part)
  return { ...rows, table: governed.table, batch: batchOf(schema, children, children[0]?.length ?? 0) }
}

/** A reject as it may be kept: masked and left-out columns gone; nothing of the row where a filter cannot judge it. Null: not wanted. */
export function governReject(reject: Reject, governed: GovernedTable): Reject | null {
  if (governed.table === governed.raw) return reject
  const { raw, table, test } = governed
  const named = new Map(table.columns.map((column) => [column.policy?.name ?? column.name, column]))
  const shown = named.get(reject.column)
  const column = shown?.name ?? reject.column
  if (test !== null) {
    const truth = test((id) => rejectedValue(reject, raw, id))
    if (truth === false) return null
    if (truth === null) return { ...reject, column, row: {} }
  }
  const row: Record<string, string | null> = {}
  for (const [name, text] of Object.entries(reject.row)) {
    const kept = named.get(name)
    if (kept !== undefined && !governed.masks.has(kept.id)) row[kept.name] = text
  }
  return { ...reject, column, row }
}

const EXACT_TEXTS: ReadonlySet<string> = new Set(['bool', 'int16', 'int32', 'int64', 'utf8'])

/** The value behind a text in the source's own form, where that form is the canonical one. */
function rejectedValue(reject: Reject, raw: GovernedTable['raw'], id: number): Value | undefined {
  const column = raw.columns.find((each) => each.id === id)
  const text = column === undefined ? undefined : reject.row[column.name]
  if (column === undefined || text === undefined || !EXACT_TEXTS.has(column.type.kind)) return undefined
  return text === null ? null : parseCanonical(text, column.type)
}

type Choice = {
  readonly indices: Int32Array
  /** Every row, in order. */
  readonly all: boolean
  /** Of the chosen rows, those that become a delete of their key; null = none. */
  readonly hidden: readonly boolean[] | null
}

function chooseRows({ batch, part }: RowBatch, { raw, test }: GovernedTable): Choice {
  const rows = batch.numRows
  const ops = valueReader(new Vector([childAt(batch, 0, '_op')]))
  const unchanged = valueReader(new Vector([childAt(batch, 3, '_unchanged')]))
  const readers = new Map(
    raw.columns.map((column, index) => {
      const data = childAt(batch, METADATA_COLUMNS.length + index, column.name)
      return [column.id, { name: column.name, read: valueReader(new Vector([data])) }]
    }),
  )
  const keyed = raw.key.length > 0
  const wholeOldRows = !keyed || raw.identity === 'full'
  const chosen: number[] = []
  const hidden: boolean[] = []
  const holds = (row: number): boolean => {
    const unknown = unchanged(row)
    const names = unknown === null ? null : new Set(String(unknown).split(','))
    return (
      test?.((id) => {
        const column = readers.get(id)
        return column === undefined || names?.has(column.name) ? undefined : column.read(row)
      }) === true
    )
  }
  for (let row = 0; row < rows; row++) {
    const op = part === 'base' ? OPS.snapshot : ops(row)
    const carried = op === OPS.truncate || (op === OPS.delete && !wholeOldRows) || holds(row)
    const asDelete = !carried && op === OPS.update && keyed
    if (!carried && !asDelete) continue
    chosen.push(row)
    hidden.push(asDelete)
  }
  return { indices: Int32Array.from(chosen), all: chosen.length === rows, hidden: hidden.includes(true) ? hidden : null }
}

const TEXT = { kind: 'utf8', format: 'text' } as const
const ALL_OPS = [OPS.snapshot, OPS.insert, OPS.update, OPS.delete, OPS.truncate] as const

function withDeletes(op: Data, indices: Int32Array, hidden: readonly boolean[]): Data {
  const read = valueReader(new Vector([op]))
  const ops = Array.from(indices, (from, row) => (hidden[row] ? OPS.delete : read(from)))
  return dictionaryOf(op, ops, ALL_OPS)
}

/** `_unchanged` names columns: by the names that they have in the lake, without those that are left out. */
function unchangedNames(data: Data, { raw, table }: GovernedTable): Data {
  if (data.nullCount === data.length) return data
  const names = new Map(table.columns.map((column) => [column.policy?.name ?? column.name, column.name]))
  const same = names.size === raw.columns.length && [...names].every(([from, to]) => from === to)
  if (same) return data
  const read = valueReader(new Vector([data]))
  const texts = Array.from({ length: data.length }, (_, row) => {
    const text = read(row)
    const shown =
      text === null
        ? []
        : String(text)
            .split(',')
            .flatMap((name) => names.get(name) ?? [])
    return shown.length === 0 ? null : shown.join(',')
  })
  return dictionaryOf(data, texts, [...new Set(texts.filter((text) => text !== null))])
}

function dictionaryOf(like: Data, texts: readonly Value[], dictionary: readonly string[]): Data {
  const places = new Map<Value, number>(dictionary.map((text, index) => [text, index]))
  const indices = columnData(
    { kind: 'int32' },
    texts.map((text) => places.get(text) ?? null),
  )
  const { length, nullCount, nullBitmap, values } = indices
  const vector = new Vector([columnData(TEXT, dictionary)])
  return makeData({ type: like.type, length, nullCount, nullBitmap, data: values, dictionary: vector } as never)
}

function childAt(batch: RecordBatch, index: number, name: string): Data {
  const child = batch.data.children[index]
  if (child === undefined) throw new ConnectorError('INTERNAL', `A batch has no column "${name}" at place ${index + 1}`)
  return child
}

function lacking(rows: RowBatch, column: string): ConnectorError {
  return new ConnectorError('INTERNAL', `A batch of "${rows.table.table}" lacks the column "${column}"`)
}
