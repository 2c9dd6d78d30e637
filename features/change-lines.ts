/** Change lines and read lines of `portage features try`: JSON texts to row events and reads. Pure; every problem names its line. */
import type { FeatureView } from './definition.ts'
import { parseInstant } from './instant.ts'
import { keyOf, type RowEvent, type SourceShape, sourceShape } from './row-event.ts'
import { type Id, NumberText, parseExactJson, type Stored, storedOf, ValueProblem } from './values.ts'

/** What one change line says. */
export type ChangeLine = {
  readonly line: number
  readonly committedAt: number | null
  /** Null when the table is not a source of the view. */
  readonly event: RowEvent | null
  readonly table: string
}

export type ReadLine = {
  readonly line: number
  readonly entity: string
  /** As it was written. */
  readonly asOfText: string
  readonly asOf: number
  /** Number of change lines that are known; null = all. */
  readonly afterLines: number | null
}

export type Problems = { readonly problems: readonly string[] }

/** Decimal integers as text whose order is theirs: the number of digits, then the digits. */
export function decimalPosition(text: string): string | null {
  if (!/^\d{1,9999}$/.test(text)) return null
  const digits = text.replace(/^0+(?=\d)/, '')
  return `${String(digits.length).padStart(4, '0')}:${digits}`
}

/** Problems of lines are `file:line: problem`; values of rows are never shown. */
export function parseChangeLines(
  view: FeatureView,
  text: string,
  file: string,
): { readonly lines: readonly ChangeLine[] } & Problems {
  const shapes = Object.entries(view.sources).map(([name, { table }]) => ({ table, shape: sourceShape(view, name) }))
  return parseLines(text, file, (value, line) => parseChange(shapes, value, line))
}

/** `changeLines`: how many there are; a read after more of them is a problem. */
export function parseReadLines(
  text: string,
  file: string,
  changeLines: number,
): { readonly lines: readonly ReadLine[] } & Problems {
  return parseLines(text, file, (value, line) => parseRead(value, line, changeLines))
}

class LineProblem extends Error {}

function parseLines<T>(
  text: string,
  file: string,
  parse: (value: Readonly<Record<string, unknown>>, line: number) => T,
): { readonly lines: readonly T[] } & Problems {
  const lines: T[] = []
  const problems: string[] = []
  text
    .replace(/^\uFEFF/, '')
    .split('\n')
    .forEach((each, index) => {
      if (each.trim() === '') return
      try {
        lines.push(parse(parseObject(each), index + 1))
      } catch (error) {
        if (!(error instanceof LineProblem) && !(error instanceof ValueProblem)) throw error
        problems.push(`${file}:${index + 1}: ${error.message}`)
      }
    })
  return { lines, problems }
}

function parseObject(text: string): Readonly<Record<string, unknown>> {
  let value: unknown
  try {
    value = parseExactJson(text)
  } catch (cause) {
    throw new LineProblem('expected one JSON object per line; this is not JSON', { cause })
  }
  return asObject(value, 'the line')
}

function asObject(value: unknown, subject: string): Readonly<Record<string, unknown>> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof NumberText)) {
    return value as Readonly<Record<string, unknown>>
  }
  throw new LineProblem(`${subject}: expected a JSON object${value === undefined ? '; it is missing' : ''}`)
}

const OPS = ['insert', 'update', 'delete', 'truncate'] as const

function parseChange(
  shapes: readonly { readonly table: string; readonly shape: SourceShape }[],
  value: Readonly<Record<string, unknown>>,
  line: number,
): ChangeLine {
  const position = decimalPosition(textOf(value.position))
  if (position === null) throw new LineProblem('position: expected a decimal integer, such as "3"')
  const op = OPS.find((each) => each === value.op)
  if (op === undefined) throw new LineProblem(`op: expected ${OPS.join(', ')}`)
  if (typeof value.table !== 'string' || value.table === '') throw new LineProblem('table: expected the name of a table')
  const table = value.table
  const committedAt =
    value.committed_at === undefined || value.committed_at === null ? null : instantOf(value.committed_at, 'committed_at')
  const shape = shapes.find((each) => sameTable(each.table, table))?.shape
  if (shape === undefined) return { line, committedAt, event: null, table }
  if (op === 'truncate') {
    if (isGiven(value.key) || isGiven(value.row)) throw new LineProblem('a truncate has neither key nor row')
    return { line, committedAt, table, event: { source: shape.name, op, position, key: '', oldKey: null, values: [] } }
  }
  const key = parseKey(shape, value.key, 'key')
  if (isGiven(value.old_key) && op !== 'update') {
    throw new LineProblem(`old_key: only an update has one; this is ${op === 'insert' ? 'an insert' : 'a delete'}`)
  }
  const oldKey = isGiven(value.old_key) ? keyOf(parseKey(shape, value.old_key, 'old_key')) : null
  if (op === 'insert' && !isGiven(value.row)) throw new LineProblem('row: an insert needs one')
  const row = op === 'delete' || !isGiven(value.row) ? {} : asObject(value.row, 'row')
  const values = op === 'delete' ? [] : shape.columns.map((column, index) => columnOf(shape, row, column, index, key, op))
  const text = keyOf(key)
  return {
    line,
    committedAt,
    table,
    event: { source: shape.name, op, position, key: text, oldKey: oldKey === text ? null : oldKey, values },
  }
}

/** Null says the same as nothing. */
const isGiven = (value: unknown): boolean => value !== undefined && value !== null

/** A definition that names no schema takes the table of any, and the other way round. */
export function sameTable(defined: string, found: string): boolean {
  if (defined === found) return true
  const bare = (name: string) => name.slice(name.indexOf('.') + 1)
  return defined.includes('.') !== found.includes('.') && bare(defined) === bare(found)
}

function parseKey(shape: SourceShape, value: unknown, subject: string): readonly Id[] {
  const key = asObject(value, subject)
  return shape.key.map((index) => {
    const column = shape.columns[index] ?? ''
    const part = within(`${subject}.${column}`, () => storedOf(key[column], { kind: 'id' }))
    if (part === null) throw new LineProblem(`${subject}.${column}: a key is not null`)
    return part as Id
  })
}

/** Undefined when an update does not carry the column. */
function columnOf(
  shape: SourceShape,
  row: Readonly<Record<string, unknown>>,
  column: string,
  index: number,
  key: readonly Id[],
  op: 'insert' | 'update',
): Stored | undefined {
  const place = shape.key.indexOf(index)
  const carried = Object.hasOwn(row, column)
  const type = shape.types[index] ?? { kind: 'text' }
  if (place !== -1) {
    if (carried && within(`row.${column}`, () => storedOf(row[column], type)) !== key[place]) {
      throw new LineProblem(`row.${column}: differs from key.${column}; a changed key has an old_key`)
    }
    return key[place]
  }
  if (!carried) return op === 'insert' ? null : undefined
  return within(`row.${column}`, () => storedOf(row[column], type))
}

function within<T>(subject: string, read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (error instanceof ValueProblem) throw new LineProblem(`${subject}: ${error.message}`, { cause: error })
    throw error
  }
}

function parseRead(value: Readonly<Record<string, unknown>>, line: number, changeLines: number): ReadLine {
  const entity = textOf(value.entity)
  if (entity === '') throw new LineProblem('entity: expected the key of an entity, as text')
  const asOf = instantOf(value.as_of, 'as_of')
  const after = value.after_lines
  if (after === undefined || after === null) return { line, entity, asOfText: String(value.as_of), asOf, afterLines: null }
  const count = textOf(after)
  if (!/^\d{1,15}$/.test(count)) throw new LineProblem('after_lines: expected a number of change lines')
  if (Number(count) > changeLines) {
    throw new LineProblem(`after_lines: expected at most ${changeLines}, the number of change lines, found ${count}`)
  }
  return { line, entity, asOfText: String(value.as_of), asOf, afterLines: Number(count) }
}

function textOf(value: unknown): string {
  return value instanceof NumberText ? value.text : typeof value === 'string' ? value : ''
}

function instantOf(value: unknown, subject: string): number {
  const ms = typeof value === 'string' ? parseInstant(value) : null
  if (ms === null) throw new LineProblem(`${subject}: expected a timestamp such as 2026-06-30T12:00:00.000Z`)
  return ms
}
