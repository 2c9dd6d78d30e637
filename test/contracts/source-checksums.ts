/** What every `Source` must do when it is asked for checksums, and for the rows of some buckets only. */
import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import type { SourceTable } from '../../connectors/change.ts'
import type { HeldSnapshot, Source } from '../../connectors/ports.ts'
import { readBatch } from '../support/source-rows.ts'
import type { SourceStep, SourceSubject } from './source.ts'

const live = () => new AbortController().signal
const md5 = (text: string): string => createHash('md5').update(text, 'utf8').digest('hex')

const TABLE = 'public.loan'
const FIXTURE: readonly SourceStep[] = [
  { do: 'create', table: TABLE, columns: { id: 'int', name: 'text' }, key: ['id'] },
  { do: 'fill', table: TABLE, from: 10, count: 200 },
  {
    do: 'insert',
    table: TABLE,
    rows: [
      { id: 1, name: null },
      { id: 2, name: '' },
      { id: 3, name: '\\N' },
      { id: 4, name: 'a\\b\u001fc\\u' },
      { id: -9, name: 'zażółć 🐘' },
    ],
  },
]

const field = (text: string | null): string => (text === null ? '\\N' : text.replaceAll('\\', '\\\\').replaceAll('\u001f', '\\u'))

/** From the definition: rows and sums by bucket. */
function expected(rows: readonly Readonly<Record<string, string | null>>[], columns: readonly string[], digits: number) {
  const sums = new Map<string, { rows: bigint; sum: bigint }>()
  for (const row of rows) {
    const bucket = md5(field(row.id ?? null)).slice(0, digits)
    const hash = md5(columns.map((column) => field(row[column] ?? null)).join('\u001f'))
    const sum = sums.get(bucket) ?? { rows: 0n, sum: 0n }
    sums.set(bucket, { rows: sum.rows + 1n, sum: sum.sum + BigInt(`0x${hash.slice(0, 15)}`) })
  }
  return sums
}

type Prepared = { readonly table: SourceTable; readonly snapshot: HeldSnapshot }

async function prepared(source: Source): Promise<Prepared> {
  const { tables } = await source.prepare({ from: null, identity: null, epoch: 1, takeOver: false }, live(), () => {})
  const table = tables.find((each) => each.table === TABLE)
  if (table === undefined) throw new Error('no table')
  return { table, snapshot: await source.holdSnapshot(live(), () => {}) }
}

async function checksums(
  source: Source,
  { table, snapshot }: Prepared,
  columns: readonly number[],
  digits: number,
  sample: { readonly prefixes?: readonly string[] } = {},
) {
  const sums = new Map<string, { rows: bigint; sum: bigint }>()
  for (const chunk of await source.planChunks(table, live())) {
    const request = { table, chunk, token: snapshot.token, columns, key: table.key, digits, ...sample }
    const part = await source.checksum(request, live())
    if (part === null) throw new Error('no checksums')
    for (const [bucket, { rows, sum }] of part) {
      const before = sums.get(bucket) ?? { rows: 0n, sum: 0n }
      sums.set(bucket, { rows: before.rows + rows, sum: before.sum + sum })
    }
  }
  return sums
}

export function sourceChecksumTests(open: () => Promise<SourceSubject>): void {
  test('checksums are those of the rows of the snapshot, whatever is committed meanwhile', async () => {
    await using subject = await open()
    const { source } = subject
    await subject.run(...FIXTURE)
    const rows = await subject.contents(TABLE)
    const at = await prepared(source)
    await subject.run(
      { do: 'update', table: TABLE, where: { id: 1 }, set: { name: 'later' } },
      { do: 'insert', table: TABLE, rows: [{ id: 5, name: 'later' }] },
    )
    expect(await checksums(source, at, [1, 2], 2)).toEqual(expected(rows, ['id', 'name'], 2))
    expect(await checksums(source, at, [2, 1], 0)).toEqual(expected(rows, ['name', 'id'], 0))
    expect(await checksums(source, at, [1], 1)).toEqual(expected(rows, ['id'], 1))
    const sample = [...expected(rows, ['id', 'name'], 1)].filter(([bucket]) => '09f'.includes(bucket))
    expect(await checksums(source, at, [1, 2], 1, { prefixes: ['0', '9', 'f'] })).toEqual(new Map(sample))
    await at.snapshot[Symbol.asyncDispose]()
  })

  test('the rows of some buckets hold every row whose key lies in them', async () => {
    await using subject = await open()
    const { source } = subject
    await subject.run(...FIXTURE)
    const { table, snapshot } = await prepared(source)
    const prefixes = [md5('3'), md5('17').slice(0, 4), 'a']
    const wanted = (await subject.contents(TABLE))
      .map(({ id }) => String(id))
      .filter((id) => prefixes.some((prefix) => md5(id).startsWith(prefix)))
    const found: string[] = []
    for (const chunk of await source.planChunks(table, live())) {
      const only = { key: table.key, prefixes }
      const request = { table, chunk, token: snapshot.token, position: snapshot.position, onReject: () => {}, only }
      for await (const batch of source.readChunk(request, live())) {
        for (const row of readBatch(batch)) found.push(String(row.values[1]))
      }
    }
    expect(wanted.length).toBeGreaterThan(5)
    expect(found).toEqual(expect.arrayContaining(wanted))
    await snapshot[Symbol.asyncDispose]()
  })
}
