/**
 * Positions of rows that were taken again under a snapshot, beside the stream: after every change committed before the snapshot's
 * cut, before every one committed at or after it. Pure.
 */
import type { Position } from '../../connectors/change.ts'
import { ConnectorError } from '../../connectors/errors.ts'
import type { FileEntry } from './log/commit.ts'
import { placeOf, positionAt } from './made-batch.ts'

/** The stream numbers the rows of a transaction from 1; no transaction has so many. */
const FIRST_ORDINAL = 0x8000_0000
const LAST_ORDINAL = 0xffff_ffff

export type RetakenPlace = { readonly epoch: number; readonly place: number }

/**
 * The place just below a cut. In Postgres no transaction commits there: commit records begin at multiples of 8, as cuts do. Where
 * places are counted one by one a transaction may have committed there; its rows have lower ordinals.
 */
export function placeBelow(cut: Position): RetakenPlace {
  return { epoch: Number.parseInt(cut.split('-')[0] ?? '', 16), place: placeOf(cut) - 1 }
}

/** Ordinal of the row of that number, from 0. Throws `UNSUPPORTED` when they run out. */
export function retakenOrdinal(row: number): number {
  if (FIRST_ORDINAL + row <= LAST_ORDINAL) return FIRST_ORDINAL + row
  throw new ConnectorError(
    'UNSUPPORTED',
    `More than ${LAST_ORDINAL - FIRST_ORDINAL + 1} rows match the condition; narrow it, or take the whole table again without one`,
  )
}

/** The first position that rows taken again at that place have. */
export const firstRetaken = ({ epoch, place }: RetakenPlace): Position => positionAt(place, FIRST_ORDINAL, epoch)

/** Whether a change file holds rows that were taken again. Such files hold nothing else. */
export const isRetaken = ({ part, minPosition }: Pick<FileEntry, 'part' | 'minPosition'>): boolean =>
  part === 'changes' && Number.parseInt(minPosition.split('-')[2] ?? '', 16) >= FIRST_ORDINAL
