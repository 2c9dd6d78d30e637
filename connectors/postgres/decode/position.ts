/**
 * Positions of a Postgres log: `<epoch, 4 hex>-<LSN, 16 hex>-<ordinal, 8 hex>`, fixed width, so that string order is log order.
 *
 * A *row* position is the LSN of its transaction's commit record (Begin.final_lsn, the record's start) with an ordinal ≥ 1
 * that counts the rows of the transaction. Transactions leave logical decoding in the order of their commit records, so
 * rows sort as they were committed. A *cut* is an LSN with ordinal 0.
 *
 * Why a cut at an end LSN or at a slot's consistent point orders correctly: both are the place where the next record
 * starts. A transaction that is inside has a commit record that starts before that place, hence final_lsn < cut; one that
 * is outside has a commit record that starts at or after it, hence final_lsn ≥ cut, and with equal LSN its ordinal ≥ 1
 * still sorts after ordinal 0.
 */
import type { Position } from '../../change.ts'
import { ConnectorError } from '../../errors.ts'

export type DecodedPosition = { readonly epoch: number; readonly lsn: bigint; readonly ordinal: number }

export const MAX_EPOCH = 0xffff
export const MAX_ORDINAL = 0xffff_ffff

/** Bytes of an encoded position (ASCII). */
export const POSITION_BYTES = 30

const FORM = /^([0-9a-f]{4})-([0-9a-f]{16})-([0-9a-f]{8})$/

/** Throws `INTERNAL` when a part is out of its range. */
export function encodePosition({ epoch, lsn, ordinal }: DecodedPosition): Position {
  if (!(ordinal >= 0 && ordinal <= MAX_ORDINAL)) {
    throw new ConnectorError('INTERNAL', `Ordinal ${ordinal} of a position is not within 0 and ${MAX_ORDINAL}`)
  }
  return `${positionPrefix(epoch, lsn)}${ordinal.toString(16).padStart(8, '0')}` as Position
}

/** The cut at an LSN: before every row of a transaction whose commit record starts there or later. */
export function cutAt(epoch: number, lsn: bigint): Position {
  return encodePosition({ epoch, lsn, ordinal: 0 })
}

/** What all rows of one transaction share: everything but the ordinal's eight digits. */
export function positionPrefix(epoch: number, lsn: bigint): string {
  if (!(epoch >= 0 && epoch <= MAX_EPOCH) || lsn < 0n || lsn > 0xffff_ffff_ffff_ffffn) {
    throw new ConnectorError('INTERNAL', `Epoch ${epoch} and LSN ${lsn} do not fit a position`)
  }
  return `${epoch.toString(16).padStart(4, '0')}-${lsn.toString(16).padStart(16, '0')}-`
}

/** Throws `CORRUPT` for a text that is no position. */
export function decodePosition(position: string): DecodedPosition {
  const match = FORM.exec(position)
  if (match === null) {
    throw new ConnectorError('CORRUPT', `Position "${position}" has not the form <4 hex>-<16 hex>-<8 hex> of a Postgres position`)
  }
  const [, epoch = '', lsn = '', ordinal = ''] = match
  return { epoch: Number.parseInt(epoch, 16), lsn: BigInt(`0x${lsn}`), ordinal: Number.parseInt(ordinal, 16) }
}

/** Negative, zero or positive, as for `Array.sort`. */
export function comparePositions(left: Position, right: Position): number {
  return left < right ? -1 : left > right ? 1 : 0
}

/** `16/B374D848`, as Postgres spells it. */
export function formatLsn(lsn: bigint): string {
  return `${(lsn >> 32n).toString(16)}/${(lsn & 0xffff_ffffn).toString(16)}`.toUpperCase()
}

/** Throws `INTERNAL` for a text that is no LSN. */
export function parseLsn(text: string): bigint {
  const match = /^([0-9a-f]{1,8})\/([0-9a-f]{1,8})$/i.exec(text)
  if (match === null) throw new ConnectorError('INTERNAL', `"${text}" is no LSN of the form X/X`)
  return (BigInt(`0x${match[1]}`) << 32n) | BigInt(`0x${match[2]}`)
}
