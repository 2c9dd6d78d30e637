/** Text tables for terminals, used by every command. Pure. */
import { displayWidth, printable } from './text-width.ts'

export type Cell = string | number | bigint | boolean | null | undefined

export type TableColumn = {
  readonly title: string
  /** Default: `right` when every filled cell of the column is a number, else `left`. */
  readonly align?: 'left' | 'right'
}

const GAP = '  '

/**
 * Lines of a table: titles, a rule, one line per row; no trailing blanks, no final newline. Numbers stand right, with
 * thousands separated by `,` when they are `number` or `bigint`; null is shown as empty. Control characters are escaped,
 * so that a value can never break the layout or drive the terminal.
 */
export function renderTable(columns: readonly (string | TableColumn)[], rows: readonly (readonly Cell[])[]): string {
  const layout = tableLayout(columns, rows)
  return [layout.head, ...rows.map(layout.line)].join('\n')
}

export type TableLayout = {
  /** Titles and the rule under them: two lines. */
  readonly head: string
  /** Any row in these columns; one wider than the sample overflows its column. */
  readonly line: (row: readonly Cell[]) => string
}

/** Widths and alignment from a sample of the rows, for tables that are printed as they arrive. */
export function tableLayout(columns: readonly (string | TableColumn)[], sample: readonly (readonly Cell[])[]): TableLayout {
  const heads = columns.map((column) => (typeof column === 'string' ? { title: column } : column) as TableColumn)
  const widths = heads.map((head, index) =>
    sample.reduce((width, row) => Math.max(width, displayWidth(cellText(row[index]))), displayWidth(head.title)),
  )
  const right = heads.map((head, index) => (head.align ? head.align === 'right' : isNumeric(sample, index)))
  const joined = (cells: readonly string[]) =>
    cells
      .map((cell, index) => pad(cell, widths[index] ?? 0, right[index] ?? false))
      .join(GAP)
      .trimEnd()
  return {
    head: [joined(heads.map((head) => head.title)), widths.map((width) => '─'.repeat(width)).join(GAP)].join('\n'),
    line: (row) => joined(heads.map((_, index) => cellText(row[index]))),
  }
}

function cellText(cell: Cell): string {
  if (cell === null || cell === undefined) return ''
  if (typeof cell === 'number' || typeof cell === 'bigint') return separated(String(cell))
  return printable(String(cell))
}

/** `1234567.5` → `1,234,567.5`; anything that is not a plain decimal number stays as it is. */
function separated(digits: string): string {
  const parts = /^(-?)(\d+)(\.\d+)?$/.exec(digits)
  if (!parts) return digits
  return `${parts[1]}${(parts[2] ?? '').replace(/\B(?=(\d{3})+$)/g, ',')}${parts[3] ?? ''}`
}

function isNumeric(rows: readonly (readonly Cell[])[], index: number): boolean {
  const filled = rows.map((row) => row[index]).filter((cell) => cell !== null && cell !== undefined)
  return filled.length > 0 && filled.every((cell) => typeof cell === 'number' || typeof cell === 'bigint')
}

function pad(text: string, width: number, right: boolean): string {
  const blanks = ' '.repeat(Math.max(0, width - displayWidth(text)))
  return right ? blanks + text : text + blanks
}
