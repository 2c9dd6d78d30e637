import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  comparePositions,
  cutAt,
  decodePosition,
  encodePosition,
  formatLsn,
  POSITION_BYTES,
  parseLsn,
} from '../../../../connectors/postgres/decode/position.ts'

const lsn = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })
const decoded = fc.record({
  epoch: fc.integer({ min: 0, max: 0xffff }),
  lsn: fc.oneof(lsn, fc.constantFrom(0n, 1n, 2n ** 63n, 2n ** 64n - 1n)),
  ordinal: fc.oneof(fc.integer({ min: 0, max: 0xffff_ffff }), fc.constantFrom(0, 1)),
})

test('a position reads back as it was written, in 30 characters', () => {
  fc.assert(
    fc.property(decoded, (parts) => {
      const position = encodePosition(parts)
      expect(position).toHaveLength(POSITION_BYTES)
      expect(decodePosition(position)).toEqual(parts)
    }),
  )
})

test('positions sort as text in the order of epoch, LSN and ordinal', () => {
  fc.assert(
    fc.property(decoded, decoded, (left, right) => {
      const order =
        Math.sign(left.epoch - right.epoch) ||
        (left.lsn < right.lsn ? -1 : left.lsn > right.lsn ? 1 : 0) ||
        Math.sign(left.ordinal - right.ordinal)
      expect(comparePositions(encodePosition(left), encodePosition(right))).toBe(order)
    }),
  )
})

test('a cut stands before the rows of a transaction that commits there and after all rows that committed before', () => {
  const cut = cutAt(1, 0x100n)
  expect(encodePosition({ epoch: 1, lsn: 0x100n, ordinal: 1 }) > cut).toBe(true)
  expect(encodePosition({ epoch: 1, lsn: 0xffn, ordinal: 0xffff_ffff }) < cut).toBe(true)
})

test('an LSN reads back as Postgres spells it', () => {
  expect(formatLsn(0x16_b374_d848n)).toBe('16/B374D848')
  fc.assert(fc.property(lsn, (value) => parseLsn(formatLsn(value)) === value))
})

test('texts and parts that are no position are refused', () => {
  expect(() => decodePosition('1-2-3')).toThrow(/has not the form/)
  expect(() => encodePosition({ epoch: 0x1_0000, lsn: 0n, ordinal: 0 })).toThrow(/do not fit/)
  expect(() => encodePosition({ epoch: 0, lsn: 0n, ordinal: 2 ** 32 })).toThrow(/Ordinal/)
  expect(() => parseLsn('nonsense')).toThrow(/no LSN/)
})
