import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { openMemoryStore } from '../../../connectors/memory/store.ts'
import type { FileEntry, TableState } from '../../../integrations/land/log/commit.ts'
import { changesKey } from '../../../integrations/land/log/keys.ts'
import { type CompactionPolicy, planCompaction } from '../../../integrations/maintain/compaction-plan.ts'
import { orderedRows } from '../../../integrations/maintain/ordered-rows.ts'
import { positionAt } from '../../../integrations/maintain/position-bytes.ts'
import { fileColumns, POSITION, withheld } from '../../../integrations/maintain/table-columns.ts'
import { readColumnBatches } from '../../../integrations/read/columns/column-batches.ts'
import { at, LAKE, LOAN, loanSchema, quietEnvironment, rowAt } from '../../support/lake.ts'
import { lakeRow, writeLakeFile } from '../../support/lake-files.ts'

const signal = new AbortController().signal
const schema = loanSchema()

async function filesOf(places: readonly (readonly number[])[]) {
  const store = openMemoryStore(quietEnvironment())
  const files: FileEntry[] = []
  for (const [index, rows] of places.entries()) {
    const lakeRows = rows.map((place) => lakeRow('c', rowAt(place, 1), { id: BigInt(place), status: `file ${index}` }))
    files.push(await writeLakeFile(store, `f${index}`, schema, 'changes', lakeRows))
  }
  const open = (file: FileEntry) =>
    readColumnBatches({ store, file, columns: fileColumns({ versions: { 1: schema } }, file, schema), verify: true, signal })
  return { files, open }
}

async function merged(places: readonly (readonly number[])[], strict = true): Promise<string[]> {
  const { files, open } = await filesOf(places)
  const found: string[] = []
  for await (const { batch, from, to } of orderedRows(files, open, { strict })) {
    const positions = batch.columns[POSITION]
    for (let row = from; row < to; row++) if (positions !== undefined) found.push(positionAt(positions, row))
  }
  return found
}

describe('rows of many files in position order', () => {
  test('however they interleave', async () => {
    const dealt = fc.array(fc.nat({ max: 4 }), { minLength: 1, maxLength: 60 })
    await fc.assert(
      fc.asyncProperty(dealt, async (hands) => {
        const places = [0, 1, 2, 3, 4].map((file) => hands.flatMap((hand, place) => (hand === file ? [place] : [])))
        const some = places.filter((rows) => rows.length > 0)
        expect(await merged(some)).toEqual(hands.map((_, place) => rowAt(place, 1)))
        expect(await merged(some.toReversed())).toEqual(hands.map((_, place) => rowAt(place, 1)))
      }),
      { numRuns: 40 },
    )
  })

  test('a change that stands twice is told, unless ties are allowed', async () => {
    await expect(
      merged([
        [1, 2, 5],
        [3, 5],
      ]),
    ).rejects.toThrow(`The change at ${rowAt(5, 1)} is in two live files`)
    await expect(merged([[5], [5]])).rejects.toThrow('in two live files')
    const tied = await merged(
      [
        [1, 5],
        [5, 6],
        [5, 5, 9],
      ],
      false,
    )
    expect(tied).toEqual([1, 5, 5, 5, 5, 6, 9].map((place) => rowAt(place, 1)))
  })

  test('a file out of order is told', async () => {
    await expect(merged([[1, 3, 2]])).rejects.toThrow('is not in position order')
  })
})

describe('the plan', () => {
  const MIB = 1024 ** 2
  const policy: CompactionPolicy = { minFiles: 3, targetFileBytes: 100 * MIB, olderThanMs: 0, renew: 'auto' }
  const NOW = new Date('2026-01-10T12:00:00Z')
  let parts = 0
  const change = (date: string, place: number, sizeMiB = 1, more: Partial<FileEntry> = {}): FileEntry => ({
    key: changesKey(LAKE, LOAN, date, { commit: place, writer: 'r0', part: parts++, extension: 'parquet' }),
    part: 'changes',
    size: sizeMiB * MIB,
    sha256: '0'.repeat(64),
    rows: 10,
    format: 'parquet',
    profile: 'lake',
    schemaVersion: 1,
    minPosition: rowAt(place, 1),
    maxPosition: rowAt(place, 9),
    columns: {},
    ...more,
  })
  const table = (changes: readonly FileEntry[], baseRows = 10, more: Partial<TableState> = {}): TableState => ({
    schema,
    versions: { 1: schema },
    storage: null,
    base: { generation: 1, boundary: at(0), files: [{ ...change('x', 0), part: 'base', rows: baseRows, maxPosition: at(0) }] },
    pending: null,
    changes,
    accepted: 1,
    shown: null,
    gone: null,
    ...more,
  })
  const plan = (state: TableState, chosen: Partial<CompactionPolicy> = {}, position = at(99)) =>
    planCompaction(LAKE, state, { position, now: NOW }, { ...policy, ...chosen })
  const groups = (state: TableState, chosen: Partial<CompactionPolicy> = {}) =>
    plan(state, chosen).merges.map(({ files }) => files.map(({ minPosition }) => Number(minPosition.slice(5, 21))))

  test('merges neighbours of one partition, in position order, and leaves large files and lone ones', () => {
    const files = [3, 1, 2].map((place) => change('2026-01-01', place))
    expect(groups(table(files))).toEqual([[1, 2, 3]])
    expect(groups(table([...files, change('2026-01-02', 4), change('2026-01-02', 5)]))).toEqual([[1, 2, 3]])
    const split = [1, 2, 3, 5, 6, 7].map((place) => change('2026-01-01', place))
    expect(groups(table([...split, change('2026-01-01', 4, 80)]))).toEqual([
      [1, 2, 3],
      [5, 6, 7],
    ])
    expect(groups(table([1, 2].map((place) => change('2026-01-01', place, 49))))).toEqual([])
    expect(groups(table([1, 2, 3].map((place) => change('2026-01-01', place, 49))), { minFiles: 9 })).toEqual([[1, 2, 3]])
  })

  test('leaves young partitions when told to, and files that are not Parquet', () => {
    const files = ['2026-01-08', '2026-01-09'].flatMap((date, day) => [1, 2, 3].map((place) => change(date, day * 10 + place)))
    expect(groups(table(files), { olderThanMs: 86_400_000 })).toEqual([[1, 2, 3]])
    expect(groups(table(files.map((file) => ({ ...file, format: 'orc' as const }))))).toEqual([])
  })

  test('does not mix versions whose rows do not fit', () => {
    const retyped = {
      ...schema,
      version: 2,
      columns: schema.columns.map((column) => ({ ...column, type: { kind: 'bool' } as const })),
    }
    const files = [1, 2, 3, 4, 5, 6].map((place) => change('2026-01-01', place, 1, { schemaVersion: place < 4 ? 1 : 2 }))
    const state = table(files, 10, { schema: retyped, versions: { 1: schema, 2: retyped } })
    expect(groups(state)).toEqual([
      [1, 2, 3],
      [4, 5, 6],
    ])
    expect(plan(state, { renew: 'always' }).unrenewed).toContain('has a column of another type')
  })

  test('renews when changes reach a tenth of the base and are many, or when told to; says why not', () => {
    const many = [change('2026-01-01', 1, 1, { rows: 20_000 })]
    expect(plan(table(many, 100_000)).renewal).toMatchObject({ at: at(99), boundary: at(0), layered: false, changes: many })
    expect(plan(table(many, 1_000_000)).unrenewed).toBe('20000 changes are few beside 1000000 rows')
    expect(plan(table(many, 1_000_000), { renew: 'always' }).renewal).not.toBeNull()
    expect(plan(table(many), { renew: 'never' }).unrenewed).toBe('not asked for')
    expect(plan(table([])).unrenewed).toBe('nothing has changed since the base')
    expect(plan(table(many, 10, { base: null })).unrenewed).toBe('no snapshot is complete yet')
    const pending = { generation: 2, storage: 's', plan: [], done: {}, files: [] }
    expect(plan(table(many, 10, { pending })).unrenewed).toBe('a new snapshot is under way')
    const ahead = table(many)
    const base =
      ahead.base === null ? null : { ...ahead.base, files: ahead.base.files.map((file) => ({ ...file, maxPosition: at(50) })) }
    expect(plan({ ...ahead, base }, {}, at(40)).unrenewed).toBe('the stream has not passed the snapshot yet')
    expect(plan({ ...ahead, base }, {}, at(60)).renewal?.layered).toBe(true)
  })

  test('statistics that one input withholds are withheld', () => {
    const shown = { nulls: 0, min: '1', max: '2' }
    const files = [
      change('2026-01-01', 1, 1, { columns: { id: shown, email: { nulls: 2 }, empty: { nulls: 10 } } }),
      change('2026-01-01', 2, 1, { columns: { id: shown, email: shown, empty: shown } }),
    ]
    expect([...withheld(files)]).toEqual(['email'])
  })
})
