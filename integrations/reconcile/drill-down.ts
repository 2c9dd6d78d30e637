/** From fingerprints and rows of two sides to differences in words: which key, which columns, which kind. Pure. */
import type { ComparedTable } from './compared-table.ts'
import { fieldsOf } from './row-text.ts'
import type { FullRow, RowPrints } from './sinks.ts'

/**
 * Seen from the side that should be like the other: `missing` rows it lacks, `extra` rows it should not have, `value` one row with
 * other values, `duplicate` the same key more often.
 */
export type DifferenceKind = 'missing' | 'extra' | 'value' | 'duplicate'

export type RowDifference = {
  readonly kind: DifferenceKind
  /** Column names and canonical texts: of a bag, the whole row. For the terminal only; never logged. */
  readonly key: Readonly<Record<string, string | null>>
  /** Names of the columns that differ, for `value`. */
  readonly columns: readonly string[]
  /** Lake files that hold the row. */
  readonly files: readonly string[]
}

/** Keys (hex of their MD5) whose rows are not the same on both sides. */
export function differingKeys(expected: RowPrints, found: RowPrints): readonly string[] {
  const names = new Set([...expected.keys(), ...found.keys()])
  return [...names].filter((name) => !samePrints(expected.get(name), found.get(name)))
}

const NO_PRINTS: ReadonlyMap<string, number> = new Map()

function samePrints(a: ReadonlyMap<string, number> = NO_PRINTS, b: ReadonlyMap<string, number> = NO_PRINTS): boolean {
  return a.size === b.size && [...a].every(([print, count]) => b.get(print) === count)
}

/** How the rows of one key differ in the columns at `indexes`; null when they do not. */
export function differenceOf(
  compared: ComparedTable,
  indexes: readonly number[],
  expected: readonly FullRow[],
  found: readonly FullRow[],
): RowDifference | null {
  const [want, have] = [counted(indexes, expected), counted(indexes, found)]
  const surplus = (a: ReadonlyMap<string, number>, b: ReadonlyMap<string, number>) =>
    [...a].reduce((sum, [print, count]) => sum + Math.max(0, count - (b.get(print) ?? 0)), 0)
  const [missing, extra] = [surplus(want, have), surplus(have, want)]
  if (missing === 0 && extra === 0) return null
  const files = [...new Set(found.flatMap(({ file }) => file ?? []))]
  const [first] = expected.length > 0 ? expected : found
  const key = first === undefined ? {} : keyOf(compared, first)
  const about = { key, files, columns: [] }
  if (compared.bag) return { kind: missing > 0 ? 'missing' : found.length > 1 ? 'duplicate' : 'extra', ...about }
  if (found.length === 0) return { kind: 'missing', ...about }
  if (expected.length === 0) return { kind: 'extra', ...about }
  if (found.length > expected.length) return { kind: 'duplicate', ...about }
  if (found.length < expected.length) return { kind: 'missing', ...about }
  const [a, b] = [expected[0], found[0]]
  const columns = indexes.flatMap((index) =>
    a !== undefined && b !== undefined && !sameBytes(a.fields[index], b.fields[index])
      ? (compared.columns[index]?.name ?? [])
      : [],
  )
  return { kind: 'value', ...about, columns }
}

function counted(indexes: readonly number[], rows: readonly FullRow[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>()
  for (const { fields, sign } of rows) {
    const print = indexes.map((index) => Buffer.from(fields[index] ?? []).toString('latin1')).join('\u001f')
    const count = (counts.get(print) ?? 0) + sign
    if (count === 0) counts.delete(print)
    else counts.set(print, count)
  }
  return counts
}

const sameBytes = (a: Uint8Array | undefined, b: Uint8Array | undefined): boolean =>
  a !== undefined && b !== undefined && Buffer.compare(a, b) === 0

/** Keys are shown whole; a bag's row is shown with its long values cut. */
const SHOWN_CHARACTERS = 80

function keyOf({ columns, key, bag }: ComparedTable, row: FullRow): Record<string, string | null> {
  return Object.fromEntries(
    key.map((index) => {
      const stored = fieldsOf(row.fields[index] ?? new Uint8Array())[0] ?? null
      const text = columns[index]?.float ? floatText(stored) : stored
      const cut = bag && text !== null && text.length > SHOWN_CHARACTERS ? `${text.slice(0, SHOWN_CHARACTERS)}…` : text
      return [columns[index]?.name ?? '', cut]
    }),
  )
}

/** Floats are compared by their bits, and shown as numbers. */
function floatText(bits: string | null): string | null {
  if (bits === null || bits === 'NaN') return bits
  const bytes = Buffer.from(bits, 'hex')
  const value = bytes.length === 4 ? bytes.readFloatBE() : bytes.readDoubleBE()
  return Object.is(value, -0) ? '-0' : String(value)
}

/** Differing columns whose values the source may have renamed in every row at once, as names; of a key, where whole rows differ. */
export function renamedPerhaps(
  { columns, key, source }: ComparedTable,
  differences: readonly RowDifference[],
): readonly string[] {
  const renaming = new Set(source.columns.flatMap(({ id, showsNames }) => (showsNames === true ? [id] : [])))
  const inKey = new Set(key.map((index) => columns[index]?.id))
  const differing = new Set(differences.flatMap((difference) => difference.columns))
  const wholeRows = differences.some(({ kind }) => kind !== 'value')
  return columns
    .filter(({ id, name }) => renaming.has(id) && (differing.has(name) || (wholeRows && inKey.has(id))))
    .map(({ name }) => `"${name}"`)
}
