/** Files that our writer does not make, and how little is read: projection, skipping, ranges, other writers' choices, refusals. */
import { DateDay, Decimal, Field, Float64, Int64, List, Schema, TimestampMicrosecond, Utf8 } from 'apache-arrow'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { openMemoryStore } from '../../../../connectors/memory/store.ts'
import { lz4Decompress } from '../../../../integrations/land/orc/lz4-decode.ts'
import { lzoDecompress } from '../../../../integrations/land/orc/lzo-decode.ts'
import { StreamKind, TypeKind } from '../../../../integrations/land/orc/messages.ts'
import { objectRange } from '../../../../integrations/land/orc/object-range.ts'
import { openOrc, type Predicate } from '../../../../integrations/land/orc/orc-file.ts'
import { snappyDecompress } from '../../../../integrations/land/orc/snappy-decode.ts'
import { zoneOffset } from '../../../../integrations/land/orc/time-zone.ts'
import { snappyCompress } from '../../../../integrations/land/parquet/snappy.ts'
import { orcOfParts, rangesOf, readOrc, tableTypes, writeOrc } from '../../../support/orc-files.ts'
import { type Plain, plainBatch, plainColumns } from '../../../support/plain-values.ts'

const { PRESENT, DATA, LENGTH, SECONDARY, DICTIONARY_DATA } = StreamKind
const schema = new Schema([
  new Field('id', new Int64(), true),
  new Field('name', new Utf8(), true),
  new Field('tags', new List(new Field('item', new Utf8(), true)), true),
])
const ROWS = 50_000
const columns: Plain[][] = [
  Array.from({ length: ROWS }, (_, i) => BigInt(i)),
  Array.from({ length: ROWS }, (_, i) => (i % 11 === 0 ? null : `name of row ${i * 31}`)),
  Array.from({ length: ROWS }, (_, i) => (i % 7 === 0 ? null : Array.from({ length: i % 4 }, (_, k) => `t${(i + k) % 50}`))),
]

async function numbered(options: Parameters<typeof writeOrc>[2] = {}) {
  return (await writeOrc(schema, [plainBatch(schema, columns)], { stripeRows: 25_000, compression: 'zstd', ...options })).bytes
}

describe('reading a part', () => {
  it('asks for the tail once, then for stripe footers and the streams of the columns asked for', async () => {
    const bytes = await numbered({ compression: 'none' })
    const { read, asked } = rangesOf(bytes)
    const file = await openOrc(read, bytes.length)
    expect(asked).toHaveLength(1)
    let rows = 0
    for await (const batch of file.read({ columns: ['id'] })) rows += batch.numRows
    expect(rows).toBe(ROWS)
    const data = asked.slice(1).reduce((sum, [start, end]) => sum + end - start, 0)
    expect(asked).toHaveLength(5)
    expect(data).toBeLessThan(bytes.length / 20)
  })

  it('reads objects of a store by ranges', async () => {
    const bytes = await numbered()
    await using store = openMemoryStore({ now: () => new Date(0) })
    await store.putIfAbsent('t/part.orc', bytes)
    const file = await openOrc(objectRange(store, 't/part.orc'), bytes.length)
    let rows = 0
    for await (const batch of file.read({ columns: ['name'] })) rows += batch.numRows
    expect(rows).toBe(ROWS)
    await store.delete(['t/part.orc'])
    await expect(openOrc(objectRange(store, 't/part.orc'), bytes.length)).rejects.toMatchObject({ code: 'NOT_FOUND' })
  })

  it('delivers columns in file order and refuses names that are not there', async () => {
    const bytes = await numbered()
    const back = await readOrc(bytes, { columns: ['tags', 'id'] })
    expect(back.batches[0]?.schema.fields.map(({ name }) => name)).toEqual(['id', 'tags'])
    expect(back.columns).toEqual([columns[0], columns[2]])
    await expect(readOrc(bytes, { columns: ['absent'] })).rejects.toMatchObject({ code: 'CONFIGURATION' })
  })

  it('skips stripes and row groups, and reads the rest right in every column, nested ones too', async () => {
    for (const compression of ['zstd', 'none', 'snappy'] as const) {
      const bytes = await numbered({ compression })
      const { read, asked } = rangesOf(bytes)
      const file = await openOrc(read, bytes.length)
      const where: Predicate = {
        and: [
          { column: 'id', op: '>=', value: 41_234n },
          { column: 'id', op: '<', value: 43_000n },
        ],
      }
      const found: Plain[][] = [[], [], []]
      let rows = 0
      for await (const batch of file.read({ where })) {
        rows += batch.numRows
        for (const [i, values] of plainColumns([batch]).entries()) found[i]?.push(...values)
      }
      // Stripe 2 starts at row 25,000: its second row group holds 35,000 to 44,999.
      expect(rows).toBe(10_000)
      expect(found).toEqual(columns.map((values) => values.slice(35_000, 45_000)))
      expect(asked.length).toBeLessThanOrEqual(5)
    }
  })

  it('never loses a matching row', async () => {
    const table = new Schema([
      new Field('n', new Int64(), true),
      new Field('f', new Float64(), true),
      new Field('s', new Utf8(), true),
      new Field('d', new Decimal(2, 9, 128), true),
      new Field('day', new DateDay(), true),
      new Field('t', new TimestampMicrosecond(), true),
    ])
    const value = fc.integer({ min: -20, max: 20 })
    const op = fc.constantFrom('=', '!=', '<', '<=', '>', '>=' as const)
    const day = (n: number) => new Date(n * 86_400_000).toISOString().slice(0, 10)
    const literal: Record<string, (n: number) => string | number | bigint> = {
      n: (n) => BigInt(n),
      f: (n) => n / 2,
      s: (n) => `s${n}`,
      d: (n) => (n / 100).toFixed(2),
      day,
      t: (n) => `${day(n)} 00:00:00.000001`,
    }
    const column = fc.constantFrom('n', 'f', 's', 'd', 'day', 't')
    const predicate: fc.Arbitrary<Predicate> = fc.letrec<{ p: Predicate }>((tie) => ({
      p: fc.oneof(
        { depthSize: 'small' },
        fc
          .tuple(column, op, value)
          .map(([name, each, n]) => ({ column: name, op: each, value: literal[name]?.(n) ?? 0 }) as Predicate),
        fc
          .tuple(column, fc.array(value, { maxLength: 3 }))
          .map(([name, list]) => ({ column: name, in: list.map((n) => literal[name]?.(n) ?? 0) })),
        fc.tuple(column, fc.constantFrom('null', 'not null' as const)).map(([name, is]) => ({ column: name, is })),
        fc.array(tie('p'), { maxLength: 3 }).map((and) => ({ and })),
        fc.array(tie('p'), { maxLength: 3 }).map((or) => ({ or })),
        tie('p').map((not) => ({ not })),
      ),
    })).p
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(fc.option(value, { nil: null }), { minLength: 6, maxLength: 6 }), { minLength: 1, maxLength: 40 }),
        predicate,
        async (rows, where) => {
          const cells = (i: number, make: (n: number) => Plain) => rows.map((row) => (row[i] == null ? null : make(row[i])))
          const data: Plain[][] = [
            cells(0, (n) => BigInt(n)),
            cells(1, (n) => (n === 13 ? Number.NaN : n / 2)),
            cells(2, (n) => `s${n}`),
            cells(3, (n) => BigInt(n)),
            cells(4, (n) => n),
            cells(5, (n) => BigInt(n) * 86_400_000_000n + 1n),
          ]
          const { bytes } = await writeOrc(table, [plainBatch(table, data)], { rowIndexStride: 3, stripeRows: 12 })
          const kept = (await readOrc(bytes, { where })).columns
          const names = table.fields.map(({ name }) => name)
          const keys = new Set((kept[0] ?? []).map((_, i) => JSON.stringify(kept.map((each) => String(each[i])))))
          for (let i = 0; i < rows.length; i++) {
            const matches = evaluate(
              where,
              (name) => data[names.indexOf(name)]?.[i] ?? null,
              (name, text) => comparable(name, text),
            )
            if (matches === true) expect(keys).toContain(JSON.stringify(data.map((each) => String(each[i]))))
          }
        },
      ),
      { numRuns: 150, interruptAfterTimeLimit: 15_000 },
    )
  }, 30_000)
})

/** Three-valued, row by row, the way SQL does it. */
function evaluate(
  predicate: Predicate,
  cell: (name: string) => Plain,
  literal: (name: string, value: unknown) => number | string | bigint,
): boolean | null {
  const each = (parts: readonly Predicate[]) => parts.map((part) => evaluate(part, cell, literal))
  if ('and' in predicate)
    return each(predicate.and).reduce(
      (a, b) => (a === false || b === false ? false : a === null || b === null ? null : true),
      true,
    )
  if ('or' in predicate)
    return each(predicate.or).reduce((a, b) => (a || b ? true : a === null || b === null ? null : false), false)
  if ('not' in predicate) {
    const inner = evaluate(predicate.not, cell, literal)
    return inner === null ? null : !inner
  }
  const value = cell(predicate.column)
  if ('is' in predicate) return (value === null) === (predicate.is === 'null')
  if (value === null) return null
  const compare = (other: number | string | bigint, op: string): boolean => {
    const own = value as number | string | bigint
    if (op === '=') return own === other || (typeof own !== 'string' && Number(own) === Number(other))
    if (op === '!=') return !compare(other, '=')
    if (op === '<') return own < other
    if (op === '<=') return own <= other
    if (op === '>') return own > other
    return own >= other
  }
  if ('in' in predicate) return predicate.in.some((other) => compare(literal(predicate.column, other), '='))
  return compare(literal(predicate.column, predicate.value), predicate.op)
}

function comparable(name: string, value: unknown): number | string | bigint {
  if (name === 'd') return BigInt(Math.round(Number(value) * 100))
  if (name === 'day') return Date.parse(`${value}T00:00:00Z`) / 86_400_000
  if (name === 't') return BigInt(Date.parse(`${String(value).slice(0, 10)}T00:00:00Z`)) * 1000n + 1n
  return value as number
}

describe("other writers' files", () => {
  const oneColumn = (kind: number, streams: readonly (readonly [number, number, readonly number[]])[], rows: number, more = {}) =>
    orcOfParts({ types: tableTypes(['c'], [{ kind }]), rows, streams, ...more })

  it('reads a file of no bytes as an empty table, and one of no stripes', async () => {
    expect((await readOrc(new Uint8Array(0))).rows).toBe(0)
    expect((await readOrc(oneColumn(TypeKind.INT, [], 0))).rows).toBe(0)
  })

  it('reads version 1 run lengths without statistics, row index or magic at the end', async () => {
    const bytes = oneColumn(TypeKind.LONG, [[DATA, 1, [0x61, 0x00, 0x0e]]], 100, {
      postScript: { magic: 'xxx', version: [0, 11] },
    })
    expect((await readOrc(bytes)).columns).toEqual([Array(100).fill(7n)])
    expect((await readOrc(bytes, { where: { column: 'c', op: '=', value: 7 } })).rows).toBe(100)
  })

  it('converts the hybrid calendar before 1582-10-15, for dates and timestamps, when the footer says so', async () => {
    // Version 1 literals, zigzag: days -141428 (Julian 1582-10-04), -141427 and -719164 (Julian 0001-01-01).
    const zigzag = (n: number) => {
      const out: number[] = []
      let rest = BigInt.asUintN(64, (BigInt(n) << 1n) ^ (BigInt(n) >> 63n))
      for (; rest >= 0x80n; rest >>= 7n) out.push(Number(rest & 0x7fn) | 0x80)
      return [...out, Number(rest)]
    }
    const days = [-141_428, -141_427, -719_164]
    const data = [0xfd, ...days.flatMap(zigzag)]
    const read = async (calendar: number) =>
      (await readOrc(oneColumn(TypeKind.DATE, [[DATA, 1, data]], 3, { footer: { calendar, writer: 1 } }))).columns[0]
    expect(await read(1)).toEqual([-141_438, -141_427, -719_162])
    expect(await read(2)).toEqual(days)
    expect(await read(0)).toEqual(days)
    const seconds = [0xfd, ...days.flatMap((day) => zigzag(day * 86_400 + 3_661 - 1_420_070_400))]
    const streams = [
      [DATA, 1, seconds],
      [SECONDARY, 1, [0x00, 0x00, 0x0a]],
    ] as const
    const wall = await readOrc(oneColumn(TypeKind.TIMESTAMP, streams, 3, { footer: { calendar: 1 } }), { timestamps: 'text' })
    expect(wall.columns).toEqual([['1582-10-04T01:01:01.000001', '1582-10-15T01:01:01.000001', '0001-01-01T01:01:01.000001']])
    // Java's writer before it recorded a calendar.
    expect((await readOrc(oneColumn(TypeKind.DATE, [[DATA, 1, data]], 3))).columns[0]).toEqual([-141_438, -141_427, -719_162])
  })

  it("shows timestamps as the writer's clock did, in any zone and on both sides of a change of the clock", async () => {
    const instants = [1_425_797_999, 1_425_798_000, 1_446_357_599 + 3600, 0]
    const epoch = 1_420_070_400 + 5 * 3600
    const zigzag = (n: number) => {
      const out: number[] = []
      let rest = BigInt.asUintN(64, (BigInt(n) << 1n) ^ (BigInt(n) >> 63n))
      for (; rest >= 0x80n; rest >>= 7n) out.push(Number(rest & 0x7fn) | 0x80)
      return [...out, Number(rest)]
    }
    const streams = [
      [DATA, 1, [0xfc, ...instants.flatMap((second) => zigzag(second - epoch))]],
      [SECONDARY, 1, [0x01, 0x00, 0x00]],
    ] as const
    const zoned = oneColumn(TypeKind.TIMESTAMP, streams, 4, { timezone: 'America/New_York' })
    const back = await readOrc(zoned, { timestamps: 'text' })
    expect(back.columns).toEqual([
      ['2015-03-08T01:59:59.000000', '2015-03-08T03:00:00.000000', '2015-11-01T01:59:59.000000', '1969-12-31T19:00:00.000000'],
    ])
    const { columns } = await readOrc(zoned, { clock: 'instant' })
    expect(columns).toEqual([instants.map((second) => BigInt(second) * 1_000_000n)])
    expect(zoneOffset('GMT+05:30')?.(0)).toBe(19_800)
    await expect(readOrc(oneColumn(TypeKind.TIMESTAMP, streams, 4, { timezone: 'Mars/Olympus' }))).rejects.toMatchObject({
      code: 'FORMAT',
    })
  })

  it('reads unions as a struct of the tag and the branches', async () => {
    const types = [
      { kind: TypeKind.STRUCT, subtypes: [1], fieldNames: ['u'] },
      { kind: TypeKind.UNION, subtypes: [2, 3] },
      { kind: TypeKind.INT },
      { kind: TypeKind.STRING },
    ]
    const bytes = orcOfParts({
      types,
      rows: 5,
      streams: [
        // Row 3 is null; tags 0 1 0 1.
        [PRESENT, 1, [0xff, 0b1101_1000]],
        [DATA, 1, [0xfc, 0, 1, 0, 1]],
        [DATA, 2, [0xfe, 10, 12]],
        [DATA, 3, [...Buffer.from('abc')]],
        [LENGTH, 3, [0xfe, 1, 2]],
      ],
    })
    expect((await readOrc(bytes)).columns).toEqual([[[0, 5, null], [1, null, 'a'], null, [0, 6, null], [1, null, 'bc']]])
  })

  it('reads dictionaries of version 1, also an empty one without its streams', async () => {
    const encodings = [{}, { kind: 1, dictionarySize: 2 }]
    const streams = [
      [DATA, 1, [0xfd, 1, 0, 1]],
      [LENGTH, 1, [0xfe, 1, 2]],
      [DICTIONARY_DATA, 1, [...Buffer.from('abc')]],
    ] as const
    expect((await readOrc(oneColumn(TypeKind.STRING, streams, 3, { encodings }))).columns).toEqual([['bc', 'a', 'bc']])
    const empty = oneColumn(TypeKind.STRING, [[PRESENT, 1, [0xff, 0]]], 3, { encodings: [{}, { kind: 1 }] })
    expect((await readOrc(empty)).columns).toEqual([[null, null, null]])
  })

  it('brings decimals of any scale to their column, and refuses what does not fit', async () => {
    const types = tableTypes(['d'], [{ kind: TypeKind.DECIMAL, precision: 9, scale: 2 }])
    const file = (value: number[], scale: number[]) =>
      orcOfParts({
        types,
        rows: 1,
        streams: [
          [DATA, 1, value],
          [SECONDARY, 1, [0xff, ...scale]],
        ],
      })
    expect((await readOrc(file([0x0a], [0x02]))).columns).toEqual([[50n]])
    expect((await readOrc(file([0xd0, 0x0f], [0x06]))).columns).toEqual([[100n]])
    await expect(readOrc(file([0x0b], [0x06]))).rejects.toMatchObject({ code: 'FORMAT' })
  })

  it('reads columns whose names hold dots', async () => {
    const types = tableTypes(['a.b', 'a'], [{ kind: TypeKind.BYTE }, { kind: TypeKind.BYTE }])
    const bytes = orcOfParts({
      types,
      rows: 1,
      streams: [
        [DATA, 1, [0xff, 1]],
        [DATA, 2, [0xff, 2]],
      ],
    })
    expect((await readOrc(bytes, { columns: ['a.b'] })).columns).toEqual([[1]])
  })

  it('refuses ACID tables, encrypted columns and ORC v2 by name', async () => {
    const names = ['operation', 'originalTransaction', 'bucket', 'rowId', 'currentTransaction', 'row']
    const acid = orcOfParts({
      types: tableTypes(
        names,
        names.map(() => ({ kind: TypeKind.INT })),
      ),
      rows: 0,
    })
    await expect(readOrc(acid)).rejects.toThrow(/full-ACID/)
    const encrypted = oneColumn(TypeKind.INT, [], 0, { footer: { encryption: new Uint8Array(3) } })
    await expect(readOrc(encrypted)).rejects.toThrow(/encrypted/)
    await expect(readOrc(oneColumn(TypeKind.INT, [], 0, { postScript: { version: [1, 9999] } }))).rejects.toThrow(/ORC v2/)
    const decimal64 = orcOfParts({
      types: tableTypes(['d'], [{ kind: TypeKind.DECIMAL, precision: 9, scale: 2 }]),
      rows: 1,
      encodings: [{}, { kind: 4 }],
    })
    await expect(readOrc(decimal64)).rejects.toThrow(/decimal64/)
    await expect(readOrc(oneColumn(19, [], 0))).rejects.toMatchObject({ code: 'UNSUPPORTED' })
    await expect(readOrc(Buffer.from('PAR1 this is something else'))).rejects.toMatchObject({ code: 'FORMAT' })
  })
})

describe('codecs', () => {
  it('undo what snappy did, and bound what a block may become', () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.constant(Buffer.from('abcdefgh'.repeat(9))), fc.uint8Array({ maxLength: 80 })), { maxLength: 30 }),
        (parts) => {
          const input = Buffer.concat(parts)
          expect(Buffer.from(snappyDecompress(snappyCompress(input), 262_144)).equals(input)).toBe(true)
        },
      ),
      { numRuns: 100 },
    )
    expect(() => snappyDecompress(snappyCompress(new Uint8Array(5000)), 4999)).toThrow(/at most 4999/)
  })

  it('decode LZ4 blocks: literals, an overlapping match, long lengths', () => {
    const text = 'a'.repeat(300)
    // One literal, a match of offset 1 and length 19 + 255 + 20, five last literals.
    const block = [0x1f, 0x61, 0x01, 0x00, 0xff, 20, 0x50, 0x61, 0x61, 0x61, 0x61, 0x61]
    expect(Buffer.from(lz4Decompress(Uint8Array.from(block), 1000)).toString()).toBe(text)
    expect(() => lz4Decompress(Uint8Array.from(block), 200)).toThrow(/outside/)
    expect(() => lz4Decompress(Uint8Array.from([0x10]), 10)).toThrow(/beyond/)
  })

  it('decode LZO blocks: first literals, short and long matches, long literals, the end mark', () => {
    const end = [0x11, 0x00, 0x00]
    const decode = (bytes: number[], limit = 1000) => Buffer.from(lzoDecompress(Uint8Array.from(bytes), limit)).toString()
    expect(decode([17 + 5, ...Buffer.from('hello'), ...end])).toBe('hello')
    // 001LLLLL: length 2 + 4 at distance 1; then the two trailing literals.
    expect(decode([17 + 1, 0x61, 0x24, 0x02, 0x00, 0x62, 0x63, ...end])).toBe('aaaaaaabc')
    // 01LDDDSS: length 3 at distance 4.
    expect(decode([17 + 4, ...Buffer.from('abcd'), 0x4c, 0x00, ...end])).toBe('abcdabc')
    // 0000LLLL in the first place: 3 + 15 + 2 literals.
    expect(decode([0x00, 0x02, ...Buffer.from('12345678901234567890'), ...end])).toBe('12345678901234567890')
    // After literals by a match: 0000DDSS is a match of two.
    expect(decode([17 + 4, ...Buffer.from('abcd'), 0x4d, 0x00, 0x78, 0x04, 0x00, ...end])).toBe('abcdabcxcx')
    expect(() => decode([17 + 5, 0x61])).toThrow(/beyond/)
    expect(() => decode([17 + 1, 0x61, 0x24, 0x20, 0x00, ...end])).toThrow(/outside/)
  })
})
