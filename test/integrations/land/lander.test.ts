import { createHash } from 'node:crypto'
import { zstdDecompressSync } from 'node:zlib'
import { parquetReadObjects } from 'hyparquet'
import { describe, expect, test } from 'vitest'
import {
  fileSchema,
  METADATA_COLUMNS,
  type Op,
  type Position,
  type RowBatch,
  type SourceTable,
  type TableName,
  type TableSchema,
} from '../../../connectors/change.ts'
import type { LogicalType } from '../../../connectors/logical-type.ts'
import { type MemoryValue, recordBatch } from '../../../connectors/memory/arrow-batch.ts'
import { openMemoryStore } from '../../../connectors/memory/store.ts'
import type { ObjectStore } from '../../../connectors/ports.ts'
import { type LanderOptions, openLander } from '../../../integrations/land/lander.ts'
import { createParquetWriter } from '../../../integrations/land/parquet/writer.ts'
import { nullData } from '../../../integrations/land/projection.ts'
import { faultyStore } from '../../support/faulty-store.ts'
import { at, NEVER, openTestLog, rowAt } from '../../support/lake.ts'

const memory = () => openMemoryStore({ now: () => new Date(0) })
const PARQUET = { name: 'parquet', extension: 'parquet', createWriter: createParquetWriter } as const
const INT: LogicalType = { kind: 'int64' }
const TEXT: LogicalType = { kind: 'utf8', format: 'text' }

function table(name: string, columns: readonly [id: number, name: string, type: LogicalType][]): SourceTable {
  return {
    table: name as TableName,
    id: '1',
    storage: 's',
    definition: 'd',
    columns: columns.map(([id, column, type]) => ({ id, name: column, type, sourceType: type.kind, nullable: true })),
    key: [1],
    identity: 'default',
  }
}

function schemaOf(source: SourceTable, version = 1, extra: TableSchema['columns'] = []): TableSchema {
  const columns = source.columns.map((column) => ({ ...column, physical: column.name.toLowerCase() }))
  const { table: name, id, identity } = source
  return {
    table: name,
    id,
    version,
    since: at(0),
    columns: [...columns, ...extra] as TableSchema['columns'],
    key: ['id'],
    identity,
  }
}

type Row = readonly [op: Op, position: Position, ...values: MemoryValue[]]

function batch(
  source: SourceTable,
  part: 'base' | 'changes',
  rows: readonly Row[],
  date = '2026-01-31',
  onRelease = () => {},
): RowBatch {
  const committedAt = part === 'base' ? null : new Date(`${date}T10:00:00Z`)
  const changes = rows.map(([op, position, ...values]) => ({
    op,
    position,
    committedAt,
    unchanged: [],
    values: new Map(source.columns.map(({ id }, index) => [id, values[index] ?? null])),
  }))
  const positions = rows.map(([, position]) => position).sort()
  return {
    table: source,
    part,
    batch: recordBatch(source, part, changes),
    date: part === 'base' ? null : date,
    firstPosition: positions[0] ?? at(0),
    lastPosition: positions.at(-1) ?? at(0),
    release: onRelease,
  }
}

async function* stream(...batches: RowBatch[]): AsyncGenerator<RowBatch> {
  yield* batches
}

async function openTestLander(store: ObjectStore, options: Partial<LanderOptions> = {}) {
  const log = await openTestLog(store)
  const lander = openLander({
    store,
    log,
    format: PARQUET,
    compression: 'zstd',
    targetFileBytes: 64 * 1024 ** 2,
    metadata: new Map(),
    ...options,
  })
  return { log, lander }
}

async function rowsOf(store: ObjectStore, key: string): Promise<Record<string, unknown>[]> {
  const bytes = await store.get(key)
  const file = new Uint8Array(bytes ?? []).buffer
  return parquetReadObjects({ file, compressors: { ZSTD: (input) => zstdDecompressSync(input) } })
}

async function keysOf(store: ObjectStore): Promise<string[]> {
  const keys: string[] = []
  for await (const { key } of store.list('raw/loans/')) keys.push(key)
  return keys
}

const LOAN = table('public.loan', [
  [1, 'id', INT],
  [2, 'Status', TEXT],
])

describe('lander', () => {
  test('change rows become one durable file per table, schema version and date', async () => {
    const store = memory()
    const { log, lander } = await openTestLander(store)
    const client = table('public.client', [[1, 'id', INT]])
    await lander.appendChanges(
      batch(LOAN, 'changes', [
        ['c', rowAt(1, 1), 1, 'new'],
        ['u', rowAt(1, 2), 1, null],
      ]),
      schemaOf(LOAN),
    )
    await lander.appendChanges(batch(client, 'changes', [['c', rowAt(1, 3), 7]]), schemaOf(client))
    await lander.appendChanges(batch(LOAN, 'changes', [['d', rowAt(2, 1), 1, null]], '2026-02-01'), schemaOf(LOAN))
    await lander.appendChanges(batch(LOAN, 'changes', [['c', rowAt(2, 2), 2, 'x']], '2026-02-01'), schemaOf(LOAN, 2))
    expect(await keysOf(store)).toEqual([])
    const taken = await lander.takeChanges(NEVER)
    expect([...taken.keys()].sort()).toEqual(['public.client', 'public.loan'])
    const loans = taken.get(LOAN.table) ?? []
    expect(
      loans.map(({ key, rows, schemaVersion }) => [key.replace(/.*changes\//, '').replace(log.writer, 'w'), rows, schemaVersion]),
    ).toEqual([
      ['date=2026-01-31/00000000000000000001-w-00000.parquet', 2, 1],
      ['date=2026-02-01/00000000000000000001-w-00002.parquet', 1, 1],
      ['date=2026-02-01/00000000000000000001-w-00003.parquet', 1, 2],
    ])
    const [first] = loans
    if (first === undefined) throw new Error('no file')
    const bytes = await store.get(first.key)
    expect(first).toMatchObject({
      part: 'changes',
      format: 'parquet',
      profile: 'lake',
      size: bytes?.length,
      minPosition: rowAt(1, 1),
      maxPosition: rowAt(1, 2),
    })
    expect(first.sha256).toBe(
      createHash('sha256')
        .update(bytes ?? '')
        .digest('hex'),
    )
    expect(first.columns).toEqual({ id: { nulls: 0, min: '1', max: '1' }, status: { nulls: 1, min: 'new', max: 'new' } })
    expect(await rowsOf(store, first.key)).toMatchObject([
      { _op: 'c', _position: rowAt(1, 1), _unchanged: null, id: 1n, status: 'new' },
      { _op: 'u', _position: rowAt(1, 2), id: 1n, status: null },
    ])
    expect(await lander.takeChanges(NEVER)).toEqual(new Map())
  })

  test('columns are matched by id: renamed ones keep their place, missing and dropped ones are null', async () => {
    const store = memory()
    const { lander } = await openTestLander(store)
    const types: LogicalType[] = [
      { kind: 'bool' },
      { kind: 'int16' },
      { kind: 'int32' },
      INT,
      { kind: 'float32' },
      { kind: 'float64' },
      { kind: 'decimal', precision: 38, scale: 4 },
      TEXT,
      { kind: 'binary' },
      { kind: 'date' },
      { kind: 'timestamp', utc: true },
    ]
    const lost = types.map((type, index) => ({
      id: 50 + index,
      name: `c${index}`,
      physical: `c${index}`,
      type,
      sourceType: 't',
      nullable: true,
      dropped: true as const,
    }))
    const schema = schemaOf(LOAN, 1, lost)
    const renamed = table('public.loan', [
      [2, 'state', TEXT],
      [1, 'id', INT],
    ])
    await lander.appendChanges(batch(renamed, 'changes', [['c', rowAt(1, 1), 'open', 5]]), schema)
    const rows = Array.from({ length: 1_000 }, (_, index): Row => ['c', rowAt(2, index + 1), 'open', index])
    await lander.appendChanges(batch(renamed, 'changes', rows), schema)
    const [file] = (await lander.takeChanges(NEVER)).get(LOAN.table) ?? []
    expect(file?.rows).toBe(1_001)
    const landed = await rowsOf(store, file?.key ?? '')
    expect(Object.keys(landed[0] ?? {})).toEqual(fileSchema(schema, 'changes').fields.map(({ name }) => name))
    expect(landed[1_000]).toMatchObject({ id: 999n, status: 'open', c0: null, c7: null, c10: null })
    for (const { physical } of lost) expect(file?.columns[physical]).toEqual({ nulls: 1_001 })
  })

  test('a value of a column that was dropped meanwhile lands in its old place', async () => {
    const store = memory()
    const { lander } = await openTestLander(store)
    const before = schemaOf(LOAN)
    const columns = before.columns.map((column) => (column.id === 2 ? { ...column, dropped: true as const } : column))
    await lander.appendChanges(batch(LOAN, 'changes', [['c', rowAt(1, 1), 1, 'late']]), { ...before, version: 2, columns })
    const [file] = (await lander.takeChanges(NEVER)).get(LOAN.table) ?? []
    expect(await rowsOf(store, file?.key ?? '')).toMatchObject([{ id: 1n, status: 'late' }])
  })

  test('a batch that the schema has no place for is refused', async () => {
    const { lander } = await openTestLander(memory())
    const wider = table('public.loan', [
      [1, 'id', INT],
      [2, 'Status', TEXT],
      [3, 'more', TEXT],
    ])
    await expect(
      lander.appendChanges(batch(wider, 'changes', [['c', rowAt(1, 1), 1, 'a', 'b']]), schemaOf(LOAN)),
    ).rejects.toThrow('has no place for it')
    const retyped = table('public.loan', [
      [1, 'id', TEXT],
      [2, 'Status', TEXT],
    ])
    await expect(
      lander.appendChanges(batch(retyped, 'changes', [['c', rowAt(1, 1), '1', 'a']]), schemaOf(LOAN)),
    ).rejects.toMatchObject({ code: 'INTERNAL' })
  })

  test('a file is closed at the target size and the next one opened', async () => {
    const store = memory()
    const { lander } = await openTestLander(store, { targetFileBytes: 2_000, compression: 'none' })
    for (let index = 1; index <= 10; index++) {
      await lander.appendChanges(batch(LOAN, 'changes', [['c', rowAt(index, 1), index, `${index}`.repeat(500)]]), schemaOf(LOAN))
    }
    const files = (await lander.takeChanges(NEVER)).get(LOAN.table) ?? []
    expect(files.length).toBeGreaterThan(2)
    expect(files.reduce((sum, { rows }) => sum + rows, 0)).toBe(10)
    expect(files.map(({ minPosition }) => minPosition)).toEqual(files.map(({ minPosition }) => minPosition).toSorted())
  })

  test('open files of many tables stay within the memory bound', async () => {
    const store = memory()
    const { lander } = await openTestLander(store, { maxBufferedBytes: 384 * 1024, compression: 'none' })
    const tables = Array.from({ length: 300 }, (_, index) =>
      table(`public.t${index}`, [
        [1, 'id', INT],
        [2, 'text', TEXT],
      ]),
    )
    for (const each of tables) {
      await lander.appendChanges(batch(each, 'changes', [['c', rowAt(1, 1), 1, 'x'.repeat(1_000)]]), schemaOf(each))
    }
    expect((await keysOf(store)).length).toBeGreaterThan(200)
    const taken = await lander.takeChanges(NEVER)
    expect(taken.size).toBe(300)
    expect(await keysOf(store)).toHaveLength(300)
  })

  test('large files of many tables free their memory without becoming more files', async () => {
    const store = memory()
    const { lander } = await openTestLander(store, { maxBufferedBytes: 4 * 1024 ** 2, compression: 'none' })
    const tables = Array.from({ length: 20 }, (_, index) =>
      table(`public.t${index}`, [
        [1, 'id', INT],
        [2, 'text', TEXT],
      ]),
    )
    for (let turn = 1; turn <= 12; turn++) {
      for (const each of tables) {
        const rows: Row[] = Array.from({ length: 50 }, (_, n) => ['c', rowAt(turn, n + 1), turn * 100 + n, 'x'.repeat(2_000)])
        await lander.appendChanges(batch(each, 'changes', rows), schemaOf(each))
      }
    }
    expect(await keysOf(store)).toHaveLength(0)
    const taken = await lander.takeChanges(NEVER)
    expect([...taken.values()].map((files) => files.length)).toEqual(tables.map(() => 1))
    const [file] = taken.get(tables[7]?.table ?? LOAN.table) ?? []
    const expected = Array.from({ length: 12 }, (_, turn) => Array.from({ length: 50 }, (_, n) => BigInt((turn + 1) * 100 + n)))
    expect((await rowsOf(store, file?.key ?? '')).map(({ id }) => id)).toEqual(expected.flat())
  })

  test('a snapshot chunk becomes base files, its batches are released, and no rows make no file', async () => {
    const store = memory()
    const { log, lander } = await openTestLander(store)
    let released = 0
    const release = () => {
      released++
    }
    const one = batch(
      LOAN,
      'base',
      [
        ['r', at(5), 1, 'a'],
        ['r', at(5), 2, 'b'],
      ],
      '',
      release,
    )
    const two = batch(LOAN, 'base', [['r', at(5), 3, null]], '', release)
    const base = { schema: schemaOf(LOAN), generation: 1, part: 'chunk' }
    const [entry] = await lander.writeBase(base, stream(one, batch(LOAN, 'base', [], '', release), two), NEVER)
    expect(released).toBe(3)
    expect(entry).toMatchObject({ part: 'base', rows: 3, minPosition: at(5), maxPosition: at(5) })
    expect(entry?.key).toBe(`raw/loans/public.loan/base/00000000000000000001-${log.writer}/part-00000.parquet`)
    expect(await rowsOf(store, entry?.key ?? '')).toMatchObject([{ _op: 'r', id: 1n }, { id: 2n }, { id: 3n, _position: at(5) }])
    expect(await lander.writeBase(base, stream(), NEVER)).toEqual([])
  })

  test('chunks side by side write files of their own; a failing one releases its batch and leaves nothing', async () => {
    const store = memory()
    const { lander } = await openTestLander(store)
    const base = { schema: schemaOf(LOAN), generation: 1, part: 'c' }
    const results = await Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        lander.writeBase(base, stream(batch(LOAN, 'base', [['r', at(1), index, 'x']])), NEVER),
      ),
    )
    expect(new Set(results.flat().map(({ key }) => key)).size).toBe(20)
    let released = 0
    async function* failing() {
      yield batch(LOAN, 'base', [['r', at(1), 1, 'x']], '', () => {
        released++
      })
      throw new Error('source went away')
    }
    await expect(lander.writeBase(base, failing(), NEVER)).rejects.toThrow('source went away')
    expect(released).toBe(1)
    expect(await keysOf(store)).toHaveLength(20)
  })

  test('a store that fails at publication fails the commit and leaves the lander empty', async () => {
    const store = memory()
    let failing = true
    const faulty = faultyStore(store, ({ operation, key }) =>
      failing && operation === 'close' && key.includes('public.client') ? { kind: 'reject' } : null,
    )
    const { lander } = await openTestLander(faulty)
    const client = table('public.client', [[1, 'id', INT]])
    await lander.appendChanges(batch(LOAN, 'changes', [['c', rowAt(1, 1), 1, 'a']]), schemaOf(LOAN))
    await lander.appendChanges(batch(client, 'changes', [['c', rowAt(1, 2), 1]]), schemaOf(client))
    await expect(lander.takeChanges(NEVER)).rejects.toMatchObject({ code: 'CONNECTION' })
    failing = false
    expect(await lander.takeChanges(NEVER)).toEqual(new Map())
  })

  test('abort drops open files', async () => {
    const store = memory()
    const { lander } = await openTestLander(store)
    await lander.appendChanges(batch(LOAN, 'changes', [['c', rowAt(1, 1), 1, 'a']]), schemaOf(LOAN))
    await lander.abort()
    expect(await lander.takeChanges(NEVER)).toEqual(new Map())
    expect(await keysOf(store)).toEqual([])
  })

  test('rejects are kept as JSON lines with their reason', async () => {
    const store = memory()
    const { log, lander } = await openTestLander(store)
    const reject = {
      table: LOAN.table,
      column: 'amount',
      position: rowAt(1, 1),
      reason: 'NaN is no decimal(12,2)',
      row: { id: '1', amount: 'NaN' },
    }
    await lander.writeRejects([], NEVER)
    await lander.writeRejects([reject, { ...reject, position: rowAt(1, 2) }], NEVER)
    const [key] = await keysOf(store)
    expect(key).toBe(`raw/loans/rejects/00000000000000000001-${log.writer}-00000.jsonl`)
    const lines = new TextDecoder()
      .decode((await store.get(key ?? '')) ?? new Uint8Array())
      .trimEnd()
      .split('\n')
    expect(lines.map((line) => JSON.parse(line))).toEqual([reject, { ...reject, position: rowAt(1, 2) }])
  })
})

test('null columns share one buffer of zeros, however many rows they have', () => {
  const [field] = fileSchema(schemaOf(LOAN), 'changes').fields.slice(METADATA_COLUMNS.length)
  if (field === undefined) throw new Error('no column')
  const [few, many] = [nullData(field.type, 5), nullData(field.type, 3)]
  expect(few.values.buffer).toBe(many.values.buffer)
  expect(nullData(field.type, 200_000)).toMatchObject({ length: 200_000, nullCount: 200_000 })
})
