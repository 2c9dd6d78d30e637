/** What the rows of one transaction share, computed once. */
import type { Position } from '../../change.ts'
import { dayOfMicros, isoDate } from './calendar.ts'
import { positionPrefix } from './position.ts'

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
