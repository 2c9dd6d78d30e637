import fc from 'fast-check'
import { snappyUncompress } from 'hyparquet'
import { expect, test } from 'vitest'
import { snappyCompress } from '../../../../integrations/land/parquet/snappy.ts'

function roundTrip(input: Uint8Array): Uint8Array {
  const compressed = snappyCompress(input)
  // The size in front, as a varint.
  let at = 0
  while (((compressed[at] as number) & 0x80) !== 0) at++
  const output = new Uint8Array(input.length)
  if (input.length > 0) snappyUncompress(compressed, output)
  return output
}

test('what is compressed is decompressed again', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 300 }),
      fc.integer({ min: 1, max: 600 }),
      fc.integer({ min: 1, max: 8 }),
      (piece, times, modulo) => {
        const input = Buffer.concat(
          Array.from({ length: times }, (_, i) => (i % modulo === 0 ? piece : Uint8Array.of(i & 255, i >> 8))),
        )
        expect(Buffer.compare(roundTrip(input), input)).toBe(0)
      },
    ),
  )
})

test('repetitions shrink, noise hardly grows, blocks of 64 KiB join', () => {
  const zeros = new Uint8Array(1_000_000)
  expect(snappyCompress(zeros).length).toBeLessThan(50_000)
  const noise = Uint8Array.from({ length: 200_000 }, (_, i) => (Math.imul(i, 0x9e3779b1) ^ (Math.imul(i, i) >>> 7)) >>> 13)
  expect(snappyCompress(noise).length).toBeLessThan(200_100)
  expect(Buffer.compare(roundTrip(noise), noise)).toBe(0)
  expect(Buffer.compare(roundTrip(zeros), zeros)).toBe(0)
})
