/** Damaged and hostile Parquet files of others: an error, soon, and without much memory. `test/soak/damaged-files.ts` does the same for minutes. */
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { randomOf } from '../../support/damage.ts'
import {
  dataPage,
  dictionaryPage,
  framed,
  mutateParquet,
  type ParquetParts,
  parquetOfParts,
  readHostileParquet,
  readParquet,
  soundParquet,
} from '../../support/hostile-parquet.ts'
import { parquetHeader } from '../../support/thrift-compact.ts'

/** Runs until the first error, and says what it cost. */
async function refusal(
  bytes: Uint8Array,
): Promise<{ readonly message: string; readonly code: string | undefined; readonly ms: number }> {
  const started = performance.now()
  const error = await readParquet(bytes).then(
    () => null,
    (caught: unknown) => caught as Error & { readonly code?: string },
  )
  return { message: error?.message ?? 'read', code: error?.code, ms: performance.now() - started }
}

const INT32 = 1
const BYTE_ARRAY = 6
/** SchemaElement: 1 type, 3 repetition (0 required, 1 optional, 2 repeated), 4 name, 5 children, 6 converted type. */
const leaf = (name: string, type: number, repetition = 0) => ({ 1: type, 3: repetition, 4: name })

const flat = (pages: ParquetParts['pages'], rows: number, more: Partial<ParquetParts> = {}): Uint8Array =>
  parquetOfParts({ schema: [leaf('a', INT32)], path: ['a'], type: INT32, values: rows, rows, pages, ...more })

/** `l array<int>` as Hive has it. */
const listed = (pages: ParquetParts['pages'], rows: number, values: number): Uint8Array =>
  parquetOfParts({
    schema: [{ 3: 1, 4: 'l', 5: 1, 6: 3 }, { 3: 2, 4: 'bag', 5: 1 }, leaf('item', INT32, 1)],
    path: ['l', 'bag', 'item'],
    type: INT32,
    values,
    rows,
    pages,
  })

/** Levels as runs of equal ones behind their length. */
const runs = (...each: readonly (readonly [number, number])[]): Uint8Array => {
  const bytes = each.flatMap(([count, level]) => [...varint(count * 2), level])
  return Buffer.from([bytes.length, 0, 0, 0, ...bytes])
}

function varint(value: number): readonly number[] {
  const bytes: number[] = []
  let rest = value
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128)
  return [...bytes, rest]
}

const ints = (...values: readonly number[]): Uint8Array => new Uint8Array(Int32Array.from(values).buffer)

describe('a Parquet file of somebody else', () => {
  test('made by hand here is read: what is refused below is refused for its lie', async () => {
    expect(await refusal(flat([dataPage(ints(1, 2), { values: 2 })], 2))).toMatchObject({ message: 'read' })
    const lists = listed([dataPage(Buffer.concat([runs([1, 0], [1, 1]), runs([2, 3]), ints(1, 2)]), { values: 2 })], 1, 2)
    expect(await refusal(lists)).toMatchObject({ message: 'read' })
  })

  test('ends in an error of ours or in rows, for every mutation', async () => {
    const files = await soundParquet()
    for (const file of files) expect((await readHostileParquet(file)).outcome).toBe('read')
    let read = 0
    for (let i = 0; i < 300; i++) {
      const { outcome, cpuMs, heldBytes } = await readHostileParquet(mutateParquet(files, randomOf(i)))
      if (outcome === 'read') read++
      expect(cpuMs).toBeLessThan(2_000)
      expect(heldBytes).toBeLessThan(1024 ** 3)
    }
    // Some mutations hit statistics or values only.
    expect(read).toBeGreaterThan(10)
  })

  test('whose footer claims lists and numbers that are not there is refused before memory or time is gone', async () => {
    const nested = Buffer.alloc(60_000, Buffer.from([0x19, 0xf9, 0xff, 0xff, 0xff, 0x07]))
    const deep = Buffer.alloc(60_000, 0x1c)
    const endless = Buffer.concat([Buffer.from([0x16]), Buffer.alloc(2_000_000, 0xff)])
    for (const footer of [nested, deep, endless]) {
      const { code, ms } = await refusal(framed(Buffer.from('PAR1'), footer))
      expect(code).toBe('FORMAT')
      expect(ms).toBeLessThan(2_000)
    }
  })

  test('whose schema is no tree, or without end, is refused', async () => {
    const group = (name: string, children: number) => ({ 3: 0, 4: name, 5: children })
    const chain = Array.from({ length: 3_000 }, (_, depth) => group(`g${depth}`, 1))
    for (const schema of [
      [group('a', 5), leaf('b', INT32)],
      [group('a', -1), leaf('b', INT32)],
      [group('a', 2 ** 31 - 1)],
      [...chain, leaf('b', INT32)],
    ]) {
      expect(await refusal(flat([], 0, { schema }))).toMatchObject({ code: 'FORMAT' })
    }
  })

  const one = dataPage(ints(7), { values: 1 })
  const dictionary = dictionaryPage(ints(7, 8), 2)
  const indices = (...bytes: readonly number[]) => dataPage(Uint8Array.from(bytes), { values: 1, encoding: 2 })
  const lies: readonly (readonly [string, Uint8Array])[] = [
    ['more rows than its pages', flat([one], 2)],
    ['fewer values than rows', flat([one], 1, { values: 3 })],
    ['two thousand million rows in a page of one', flat([dataPage(ints(7), { values: 2 ** 31 - 1 })], 2 ** 31 - 1)],
    ['a page of two gigabytes', flat([dataPage(ints(7), { values: 1, size: 2 ** 31 - 1 })], 1)],
    [
      'a dictionary of two thousand million texts',
      flat([dictionaryPage(ints(0), 2 ** 31 - 1)], 1, { type: BYTE_ARRAY, schema: [leaf('a', BYTE_ARRAY)] }),
    ],
    ['an index beyond the dictionary', flat([dictionary, indices(2, 2, 2)], 1)],
    ['indices without a dictionary', flat([indices(1, 2, 1)], 1)],
    ['numbers under a schema of texts', flat([one], 1, { schema: [leaf('a', BYTE_ARRAY)] })],
    ['two columns of one name', flat([one], 1, { schema: [leaf('a', INT32), leaf('a', INT32)] })],
  ]
  test.each(lies)('that says it has %s is refused, or the column left out', async (_lie, bytes) => {
    const before = process.memoryUsage().arrayBuffers
    const { code, message, ms } = await refusal(bytes)
    expect(`${code ?? 'read'} ${message}`).toMatch(/^FORMAT .*(?:damaged|beyond|page)|^read read$/)
    if (!_lie.includes('one name')) expect(code).toBe('FORMAT')
    expect(ms).toBeLessThan(2_000)
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(300 * 1024 * 1024)
  })

  test.each([
    [
      'a run of a thousand million levels',
      listed([dataPage(Buffer.concat([runs([2 ** 30, 0]), runs([1, 3]), ints(1)]), { values: 1 })], 1, 1),
    ],
    [
      'a level that the column has not',
      listed([dataPage(Buffer.concat([runs([1, 0]), runs([1, 7]), ints(1)]), { values: 1 })], 1, 1),
    ],
    [
      'rows that are parts of others',
      listed([dataPage(Buffer.concat([runs([2, 0]), runs([2, 3]), ints(1, 2)]), { values: 2 })], 1, 2),
    ],
    [
      'an index beyond the dictionary',
      listed(
        [dictionary, dataPage(Buffer.concat([runs([1, 0]), runs([1, 3]), Buffer.from([4, 2, 9])]), { values: 1, encoding: 2 })],
        1,
        1,
      ),
    ],
    [
      'a thousand million values',
      listed([dataPage(Buffer.concat([runs([2 ** 30, 0]), runs([2 ** 30, 0])]), { values: 2 ** 30 })], 2 ** 30, 2 ** 30),
    ],
  ])('whose list column has %s is refused', async (_lie, bytes) => {
    const { code, ms } = await refusal(bytes)
    expect(code).toBe('FORMAT')
    expect(ms).toBeLessThan(2_000)
  })

  for (const name of ['hive', 'spark']) {
    test(`of ${name} with one flipped bit in any page is refused by the page's checksum`, async () => {
      const sound = new Uint8Array(readFileSync(new URL(`../../support/foreign-files/${name}.parquet`, import.meta.url)))
      let pages = 0
      for (let at = 4; sound[at] === 0x15; ) {
        const { start, size } = parquetHeader(sound, at)
        const bytes = new Uint8Array(sound)
        bytes[start + (size >> 1)] = (bytes[start + (size >> 1)] as number) ^ 4
        expect(await refusal(bytes)).toMatchObject({ code: 'FORMAT' })
        at = start + size
        pages++
      }
      expect(pages).toBeGreaterThan(15)
    })
  }
})
