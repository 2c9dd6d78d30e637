/** Rows of many files in position order: a k-way merge over files that are each in that order. Bounded by the files that overlap. */
import { ConnectorError } from '../../connectors/errors.ts'
import type { FileEntry } from '../land/log/commit.ts'
import { type ColumnBatch, SMALL_BYTES } from '../read/columns/column-batches.ts'
import { comparePosition, compareRows, firstAbove, firstNotBelow, positionAt, positionBytes } from './position-bytes.ts'
import { POSITION } from './table-columns.ts'

/** Rows [from, to) of a batch of one file; `first` is the number of the batch's first row in the file. Valid until the next is asked for. */
export type RowRun = {
  readonly file: number
  readonly batch: ColumnBatch
  readonly first: number
  readonly from: number
  readonly to: number
}

type Cursor = {
  readonly file: number
  readonly batches: AsyncGenerator<ColumnBatch>
  batch: ColumnBatch
  /** Number in the file of the batch's first row. */
  first: number
  row: number
}

const AHEAD = 4

/**
 * Yields every row of every file once, in position order. `files` in any order; `open` is called when a file's turn comes.
 * `strict`: two rows of one position are an error, because a change stands in one live file; else their order is open.
 */
export async function* orderedRows(
  files: readonly FileEntry[],
  open: (file: FileEntry) => AsyncGenerator<ColumnBatch>,
  { strict }: { readonly strict: boolean },
): AsyncGenerator<RowRun> {
  const waiting = files
    .map((file, index) => ({ file, index }))
    .sort((a, b) =>
      a.file.minPosition < b.file.minPosition ? -1 : a.file.minPosition > b.file.minPosition ? 1 : a.index - b.index,
    )
  const active: Cursor[] = []
  /** Small files are opened before their turn, so that the store is waited for once for several. */
  const early = new Map<number, Promise<Cursor | null>>()
  const openAhead = (): void => {
    for (const { file, index } of waiting.slice(0, AHEAD)) {
      if (file.size > SMALL_BYTES || early.has(index)) continue
      const opened = start(open(file), index, file)
      opened.catch(() => undefined)
      early.set(index, opened)
    }
  }
  const end = strict ? firstNotBelow : firstAbove
  let last: Uint8Array | null = null
  try {
    for (;;) {
      let head = lowest(active)
      while (waiting[0] !== undefined && (head === null || isDue(waiting[0].file, head, strict))) {
        const { file, index } = waiting.shift() as (typeof waiting)[number]
        openAhead()
        const cursor = await (early.get(index) ?? start(open(file), index, file))
        early.delete(index)
        if (cursor !== null) active.push(cursor)
        head = lowest(active)
      }
      if (head === null) return
      const bounds = [
        ...active.filter((each) => each !== head).map((each) => positionBytes(positionAt(positionsOf(each), each.row))),
        ...(waiting[0] === undefined ? [] : [positionBytes(waiting[0].file.minPosition)]),
      ]
      const { row } = head
      const to = bounds.reduce((least, bound) => end(positionsOf(head), row, least, bound), head.batch.rows)
      // Nothing lies below every other head: they are equal.
      if (to === row || (strict && last !== null && comparePosition(positionsOf(head), row, last) <= 0)) throw twice(files, head)
      if (strict) {
        refuseDisorder(head, to, files)
        last = positionBytes(positionAt(positionsOf(head), to - 1))
      }
      yield { file: head.file, batch: head.batch, first: head.first, from: row, to }
      head.row = to
      if (head.row === head.batch.rows && !(await advance(head))) active.splice(active.indexOf(head), 1)
    }
  } finally {
    const opened = await Promise.allSettled(early.values())
    for (const each of opened) if (each.status === 'fulfilled' && each.value !== null) active.push(each.value)
    for (const cursor of active) await cursor.batches.return(undefined)
  }
}

const positionsOf = (cursor: Cursor) => {
  const positions = cursor.batch.columns[POSITION]
  if (positions === undefined) throw new ConnectorError('INTERNAL', 'Rows are merged without their positions')
  return positions
}

const isBelow = (cursor: Cursor, bound: Uint8Array): boolean => comparePosition(positionsOf(cursor), cursor.row, bound) < 0

/** Whether the file must be opened before the head goes on. Files of equal rows need not be open side by side. */
function isDue({ minPosition }: FileEntry, head: Cursor, strict: boolean): boolean {
  const order = comparePosition(positionsOf(head), head.row, positionBytes(minPosition))
  return strict ? order >= 0 : order > 0
}

/** Of equal ones the first opened. */
function lowest(active: readonly Cursor[]): Cursor | null {
  let best: Cursor | null = null
  for (const cursor of active) {
    if (best === null || isBelow(cursor, positionBytes(positionAt(positionsOf(best), best.row)))) best = cursor
  }
  return best
}

async function start(batches: AsyncGenerator<ColumnBatch>, file: number, entry: FileEntry): Promise<Cursor | null> {
  const first = await batches.next()
  if (first.done) return null
  const cursor: Cursor = { file, batches, batch: first.value, first: 0, row: 0 }
  if (isBelow(cursor, positionBytes(entry.minPosition))) {
    throw new ConnectorError('CORRUPT', `File "${entry.key}" has rows below the lowest position that the log records`)
  }
  return cursor
}

async function advance(cursor: Cursor): Promise<boolean> {
  cursor.first += cursor.batch.rows
  const next = await cursor.batches.next()
  if (next.done) return false
  cursor.batch = next.value
  cursor.row = 0
  return true
}

function refuseDisorder(cursor: Cursor, to: number, files: readonly FileEntry[]): void {
  const positions = positionsOf(cursor)
  for (let row = cursor.row + 1; row < to; row++) {
    if (compareRows(positions, row - 1, row) < 0) continue
    throw new ConnectorError(
      'CORRUPT',
      `File "${files[cursor.file]?.key}" is not in position order at ${positionAt(positions, row)}`,
    )
  }
}

function twice(files: readonly FileEntry[], cursor: Cursor): ConnectorError {
  const at = positionAt(positionsOf(cursor), cursor.row)
  return new ConnectorError('CORRUPT', `The change at ${at} is in two live files, one of them "${files[cursor.file]?.key}"`)
}
