/** What the rows of one transaction share, computed once. */
import type { Position } from '../../change.ts'
import type { ColumnBuffer } from '../../column-buffer.ts'
import { dayOfMicros, isoDate } from './calendar.ts'
import { POSITION_BYTES, positionPrefix } from './position.ts'

export type TransactionStamp = {
  /** Everything of a position but the ordinal: text, and the same as ASCII bytes. */
  readonly positionPrefix: string
  readonly prefix: Uint8Array
  /** Microseconds since 1970, UTC. */
  readonly committedAtUs: bigint
  /** UTC date of the commit, `YYYY-MM-DD`. */
  readonly date: string
}

/** `finalLsn` and `committedAtUs` as the Begin message says. */
export function transactionStamp(epoch: number, finalLsn: bigint, committedAtUs: bigint): TransactionStamp {
  const prefix = positionPrefix(epoch, finalLsn)
  return {
    positionPrefix: prefix,
    prefix: Buffer.from(prefix, 'latin1'),
    committedAtUs,
    date: isoDate(dayOfMicros(committedAtUs)),
  }
}

/** The position of one of the transaction's rows. */
export const rowPosition = (prefix: string, ordinal: number): Position =>
  `${prefix}${ordinal.toString(16).padStart(8, '0')}` as Position

const HEX = Buffer.from('0123456789abcdef', 'latin1')

/** `rowPosition` as a text cell, byte by byte: every row has one. */
export function writePosition(column: ColumnBuffer, row: number, { prefix }: TransactionStamp, ordinal: number): void {
  column.reserveData(POSITION_BYTES)
  const { data } = column
  let at = column.end
  for (let i = 0; i < prefix.length; i++) data[at++] = prefix[i] as number
  for (let shift = 28; shift >= 0; shift -= 4) data[at++] = HEX[(ordinal >>> shift) & 15] as number
  column.end = at
  column.offsets[row + 1] = at
}
