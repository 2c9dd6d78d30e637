/** Run length encodings: what is written is read back, and the specification's own examples decode. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { BooleanDecoder, BooleanEncoder, ByteDecoder, ByteEncoder } from '../../../../integrations/land/orc/byte-rle.ts'
import { compressionOf } from '../../../../integrations/land/orc/compression.ts'
import { InStream, PositionReader } from '../../../../integrations/land/orc/in-stream.ts'
import { integerDecoder } from '../../../../integrations/land/orc/integer-decoder.ts'
import { CompressionKind } from '../../../../integrations/land/orc/messages.ts'
import { OutStream } from '../../../../integrations/land/orc/out-stream.ts'
import { IntegerEncoder } from '../../../../integrations/land/orc/rle-v2-encoder.ts'

const NONE = { kind: CompressionKind.NONE, blockSize: 262_144 }
const ZSTD = { kind: CompressionKind.ZSTD, blockSize: 262_144 }

const streamOf = (bytes: readonly number[]) => new InStream('test', Uint8Array.from(bytes), NONE)

function decodeInts(bytes: readonly number[], count: number, options: { signed: boolean; version: 1 | 2 }): bigint[] {
  const out = new BigInt64Array(count)
  integerDecoder(streamOf(bytes), options).read(new Int32Array(out.buffer), 0, count)
  return [...out]
}

function encodeInts(values: readonly bigint[], signed: boolean, compress: 'none' | 'zstd' = 'none'): Uint8Array {
  const out = new OutStream(compressionOf(compress).compress)
  const encoder = new IntegerEncoder(out, { signed })
  const pairs = BigInt64Array.from(values)
  encoder.pushPairs(new Int32Array(pairs.buffer), 0, values.length)
  encoder.flush()
  return Buffer.concat(out.take().blocks)
}

const kindsOf = (bytes: Uint8Array) => (bytes[0] as number) >> 6

describe('integer run lengths, the examples of the specification', () => {
  it('decodes version 1 runs and literals', () => {
    expect(decodeInts([0x61, 0x00, 0x07], 100, { signed: false, version: 1 })).toEqual(Array(100).fill(7n))
    expect(decodeInts([0x61, 0xff, 0x64], 100, { signed: false, version: 1 })).toEqual(
      Array.from({ length: 100 }, (_, i) => BigInt(100 - i)),
    )
    expect(decodeInts([0xfb, 0x02, 0x03, 0x04, 0x07, 0x0b], 5, { signed: false, version: 1 })).toEqual([2n, 3n, 4n, 7n, 11n])
  })

  it('decodes the four kinds of version 2', () => {
    const options = { signed: false, version: 2 } as const
    expect(decodeInts([0x0a, 0x27, 0x10], 5, options)).toEqual(Array(5).fill(10_000n))
    expect(decodeInts([0x5e, 0x03, 0x5c, 0xa1, 0xab, 0x1e, 0xde, 0xad, 0xbe, 0xef], 4, options)).toEqual([
      23713n,
      43806n,
      57005n,
      48879n,
    ])
    expect(decodeInts([0xc6, 0x09, 0x02, 0x02, 0x22, 0x42, 0x42, 0x46], 10, options)).toEqual(
      [2, 3, 5, 7, 11, 13, 17, 19, 23, 29].map(BigInt),
    )
    const patched = '8e132b2107d01e00147028323c46505a646e78828c96a0aab4befce8'
    expect(decodeInts([...Buffer.from(patched, 'hex')], 20, options)).toEqual(
      [
        2030, 2000, 2020, 1000000, 2040, 2050, 2060, 2070, 2080, 2090, 2100, 2110, 2120, 2130, 2140, 2150, 2160, 2170, 2180, 2190,
      ].map(BigInt),
    )
  })
})

describe('integer encoder', () => {
  it('chooses each of the four kinds where it pays', () => {
    expect(kindsOf(encodeInts(Array(5).fill(10_000n), false))).toBe(0)
    expect(kindsOf(encodeInts([23713n, 43806n, 57005n, 48879n], false))).toBe(1)
    expect(
      kindsOf(
        encodeInts(
          Array.from({ length: 100 }, (_, i) => BigInt(1000 + 3 * i + (i % 2))),
          true,
        ),
      ),
    ).toBe(3)
    const outlier = Array.from({ length: 512 }, (_, i) => BigInt((i * 7919) % 200))
    outlier[77] = 1_000_000_000n
    outlier[400] = 2_000_000_000n
    const bytes = encodeInts(outlier, true)
    expect(kindsOf(bytes)).toBe(2)
    expect(decodeInts([...bytes], 512, { signed: true, version: 2 })).toEqual(outlier)
  })

  const int64 = fc.oneof(
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
    fc.bigInt({ min: -5n, max: 5n }),
    fc.constantFrom(-(2n ** 63n), 2n ** 63n - 1n, 2n ** 52n, -(2n ** 52n), 2n ** 53n, 0n, -1n, 2n ** 31n, -(2n ** 31n)),
  )
  const shapes = fc.oneof(
    fc.array(int64, { maxLength: 1100 }),
    // Runs, ramps and outliers around a base.
    fc
      .array(fc.record({ base: int64, step: fc.bigInt({ min: -9n, max: 9n }), length: fc.integer({ min: 1, max: 600 }) }), {
        maxLength: 8,
      })
      .map((runs) =>
        runs.flatMap(({ base, step, length }) => Array.from({ length }, (_, i) => BigInt.asIntN(64, base + step * BigInt(i)))),
      ),
    fc
      .tuple(
        int64,
        fc.array(fc.bigInt({ min: 0n, max: 300n }), { minLength: 30, maxLength: 1000 }),
        fc.array(fc.tuple(fc.nat(999), fc.bigInt({ min: 0n, max: 2n ** 50n })), { maxLength: 40 }),
      )
      .map(([base, small, outliers]) => {
        for (const [at, value] of outliers) if (at < small.length) small[at] = value
        return small.map((value) => BigInt.asIntN(64, base + value))
      }),
  )

  it('gives back any signed 64-bit values', () => {
    fc.assert(
      fc.property(shapes, (values) => {
        const bytes = encodeInts(values, true)
        expect(decodeInts([...bytes], values.length, { signed: true, version: 2 })).toEqual(values)
      }),
      { numRuns: 150, interruptAfterTimeLimit: 10_000 },
    )
  })

  it('gives back any non-negative values, through compressed blocks', () => {
    fc.assert(
      fc.property(shapes, (signed) => {
        const values = signed.map((value) => (value < 0n ? -(value + 1n) : value))
        const bytes = encodeInts(values, false, 'zstd')
        const out = new BigInt64Array(values.length)
        integerDecoder(new InStream('test', bytes, ZSTD), { signed: false, version: 2 }).read(
          new Int32Array(out.buffer),
          0,
          values.length,
        )
        expect([...out]).toEqual(values)
      }),
      { numRuns: 100, interruptAfterTimeLimit: 10_000 },
    )
  })

  it('seeks to where a position was taken', () => {
    for (const [name, kind] of [
      ['none', NONE],
      ['zstd', ZSTD],
    ] as const) {
      const out = new OutStream(compressionOf(name).compress)
      const encoder = new IntegerEncoder(out, { signed: true })
      const value = (i: number) => (i * 2654435761) % 1_000_003
      const marks: number[][] = []
      for (let i = 0; i < 300_000; i++) {
        if (i % 10_000 === 0) {
          encoder.flush()
          const positions: number[] = []
          encoder.position(positions)
          marks.push(positions)
        }
        encoder.push(value(i))
      }
      encoder.flush()
      const decoder = integerDecoder(new InStream('test', Buffer.concat(out.take().blocks), kind), { signed: true, version: 2 })
      const pair = new Int32Array(2)
      for (const group of [29, 0, 13, 7]) {
        decoder.seek(new PositionReader(marks[group] ?? []))
        decoder.skip(5)
        decoder.read(pair, 0, 1)
        expect(pair[0]).toBe(value(group * 10_000 + 5))
      }
    }
  })
})

describe('bytes and booleans', () => {
  it('decodes the examples of the specification', () => {
    const out = new Uint8Array(100)
    new ByteDecoder(streamOf([0x61, 0x00])).read(out, 100)
    expect(out.every((byte) => byte === 0)).toBe(true)
    new ByteDecoder(streamOf([0xfe, 0x44, 0x45])).read(out, 2)
    expect([...out.subarray(0, 2)]).toEqual([0x44, 0x45])
  })

  it('gives back any bytes and bits, also from the middle', () => {
    const bytes = fc.array(fc.oneof(fc.nat(255), fc.constant(0), fc.constant(255)), { maxLength: 700 })
    fc.assert(
      fc.property(bytes, fc.nat(8000), (values, cut) => {
        const out = new OutStream(null)
        const encoder = new ByteEncoder(out)
        for (const value of values) encoder.push(value)
        encoder.flush()
        const packed = Buffer.concat(out.take().blocks)
        const back = new Uint8Array(values.length)
        new ByteDecoder(new InStream('test', packed, NONE)).read(back, values.length)
        expect([...back]).toEqual(values)

        const bits = values.flatMap((value) => [value & 1, value >> 7])
        const at = Math.min(cut, bits.length)
        const booleans = new BooleanEncoder(out)
        for (const bit of bits.slice(0, at)) booleans.push(bit)
        booleans.flushRun()
        const positions: number[] = []
        booleans.position(positions)
        for (const bit of bits.slice(at)) booleans.push(bit)
        booleans.finish()
        const packedBits = Buffer.concat(out.take().blocks)
        const read = (decoder: BooleanDecoder, count: number) => {
          const into = new Uint8Array((count + 7) >> 3)
          const set = decoder.read(into, count)
          const all = Array.from({ length: count }, (_, i) => ((into[i >> 3] as number) >> (i & 7)) & 1)
          expect(set).toBe(all.reduce((sum, bit) => sum + bit, 0))
          return all
        }
        const decoder = new BooleanDecoder(new InStream('test', packedBits, NONE))
        const half = read(decoder, Math.min(13, bits.length))
        expect([...half, ...read(decoder, bits.length - half.length)]).toEqual(bits)
        decoder.seek(new PositionReader(positions))
        expect(read(decoder, bits.length - at)).toEqual(bits.slice(at))
      }),
      { numRuns: 150, interruptAfterTimeLimit: 10_000 },
    )
  })

  it('packs Arrow bitmaps at any offset', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 4, maxLength: 60 }), fc.nat(20), fc.nat(15), (bits, offset, lead) => {
        const length = bits.length * 8 - offset
        const out = new OutStream(null)
        const encoder = new BooleanEncoder(out)
        encoder.pushRun(1, lead)
        encoder.pushBits(bits, offset, length)
        encoder.finish()
        const decoder = new BooleanDecoder(new InStream('test', Buffer.concat(out.take().blocks), NONE))
        expect(decoder.skip(lead)).toBe(lead)
        const into = new Uint8Array((length + 7) >> 3)
        decoder.read(into, length)
        for (let i = 0; i < length; i++) {
          const bit = offset + i
          expect(((into[i >> 3] as number) >> (i & 7)) & 1).toBe(((bits[bit >> 3] as number) >> (bit & 7)) & 1)
        }
      }),
      { numRuns: 100, interruptAfterTimeLimit: 10_000 },
    )
  })
})
