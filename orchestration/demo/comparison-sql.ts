/** The two queries of a comparison and how their texts compare. Pure. */

export type ComparedColumn = {
  readonly name: string
  /** PostgreSQL's name of the type, without length or precision. */
  readonly type: string
  readonly key: boolean
  /** Rows are ordered by integer keys as numbers and by every other key as UTF-8 bytes. */
  readonly order: 'number' | 'bytes'
}

const INTEGERS = new Set(['smallint', 'integer', 'bigint'])
const FLOATS = new Set(['real', 'double precision'])

/** A table without a key is compared as a bag: ordered by all of its columns. */
export function comparedColumns(columns: readonly { name: string; type: string; key: boolean }[]): readonly ComparedColumn[] {
  const keyless = !columns.some(({ key }) => key)
  return columns.map(({ name, type, key }) => ({
    name,
    type,
    key: key || keyless,
    order: INTEGERS.has(type) ? 'number' : 'bytes',
  }))
}

/** Texts in key order from PostgreSQL, where a bare name in `order by` would mean the text of the select list. */
export function sourceSelect(table: { schema: string; name: string }, columns: readonly ComparedColumn[]): string {
  const texts = columns.map(sourceText)
  const order = columns.flatMap(({ key, order }, i) => {
    if (!key) return []
    return [order === 'number' ? `${sourceColumn(columns[i]?.name ?? '')} nulls first` : `(${texts[i]}) collate "C" nulls first`]
  })
  return `select ${texts.join(', ')} from ${quoted(table.schema)}.${quoted(table.name)} t order by ${order.join(', ')}`
}

/** The same texts in the same order from DuckDB, which compares text by its bytes. */
export function lakeSelect(relation: string, columns: readonly ComparedColumn[]): string {
  const texts = columns.map(lakeText)
  const order = columns.flatMap(({ key, order, name }, i) => {
    if (!key) return []
    return [`${order === 'number' ? quoted(name) : texts[i]} nulls first`]
  })
  return `select ${texts.map((text, i) => `${text} as c${i}`).join(', ')} from ${relation} order by ${order.join(', ')}`
}

function sourceColumn(name: string): string {
  return `t.${quoted(name)}`
}

function sourceText({ name, type }: ComparedColumn): string {
  const column = sourceColumn(name)
  if (type.startsWith('timestamp')) return `(extract(epoch from ${column}) * 1000000)::bigint::text`
  if (type === 'boolean') return `${column}::int::text`
  if (type === 'bytea') return `encode(${column}, 'hex')`
  return `${column}::text`
}

function lakeText({ name, type }: ComparedColumn): string {
  const column = quoted(name)
  if (type.startsWith('timestamp')) return `epoch_us(${column})::varchar`
  if (type === 'boolean') return `${column}::int::varchar`
  if (type === 'bytea') return `lower(hex(${column}))`
  return `${column}::varchar`
}

/** Floats print differently in each engine and are compared as the numbers they are. */
export function sameValue({ type }: ComparedColumn, left: string | null, right: string | null): boolean {
  if (left === right) return true
  if (left === null || right === null || !FLOATS.has(type)) return false
  return Object.is(float(type, left), float(type, right))
}

function float(type: string, text: string): number {
  const number = Number(text.replace(/^(-?)inf(?:inity)?$/i, '$1Infinity'))
  return type === 'real' ? Math.fround(number) : number
}

/** Below 0, 0 or above 0, in the order of both queries. */
export function compareKeys(
  columns: readonly ComparedColumn[],
  left: readonly (string | null)[],
  right: readonly (string | null)[],
): number {
  for (const [i, column] of columns.entries()) {
    if (!column.key) continue
    const order = compareValues(column, left[i] ?? null, right[i] ?? null)
    if (order !== 0) return order
  }
  return 0
}

function compareValues(column: ComparedColumn, left: string | null, right: string | null): number {
  if (left === right || sameValue(column, left, right)) return 0
  if (left === null) return -1
  if (right === null) return 1
  if (column.order === 'bytes') return Buffer.compare(Buffer.from(left), Buffer.from(right))
  const [a, b] = [BigInt(left), BigInt(right)]
  return a < b ? -1 : a > b ? 1 : 0
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}
