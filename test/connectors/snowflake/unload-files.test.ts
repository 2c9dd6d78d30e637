/** Unloaded files against what the statement says of them, and their rows as batches; a client that answers as told. */
import { expect, test } from 'vitest'
import type { Value } from '../../../connectors/column-values.ts'
import type { LogicalType } from '../../../connectors/logical-type.ts'
import { openMemoryStore } from '../../../connectors/memory/store.ts'
import type { SnowflakeAnswer, SnowflakeClient, SnowflakeColumn } from '../../../connectors/snowflake/client.ts'
import { openReader } from '../../../connectors/snowflake/tables/reader.ts'
import { DEFAULT_POLICIES, unloadPolicies } from '../../../connectors/snowflake/tables/unload-policy.ts'
import type { BadValues, Exchange, RejectedRow } from '../../../connectors/tables.ts'
import { objectBuffer, readParquetColumns } from '../../../integrations/read/parquet-columns.ts'
import { batchOf } from '../../contracts/table-rows.ts'
import { writeParquet } from '../../support/parquet-files.ts'
import { lenient, linesOf, strict } from '../../support/table-rows.ts'

const signal = new AbortController().signal
const PREFIX = 'raw/_unload/1/'
const WHOLE: LogicalType = { kind: 'decimal', precision: 38, scale: 0 }
const TEXT: LogicalType = { kind: 'utf8', format: 'text' }

const COLUMNS: readonly SnowflakeColumn[] = [
  { name: 'ID', type: 'fixed', precision: 38, scale: 0, nullable: false },
  { name: 'SEEN', type: 'timestamp_ntz', precision: null, scale: 9, nullable: true },
  { name: 'BYTES', type: 'binary', precision: null, scale: null, nullable: true },
]
const STORED = [
  ['id', WHOLE],
  ['seen', WHOLE],
  ['bytes', TEXT],
  ['portage_bad', WHOLE],
] as const

type Written = { readonly name: string; readonly rows: readonly (readonly Value[])[] }
type Said = { readonly name: string; readonly size: number; readonly rows: number }

/** `say` changes what the statement answers. */
async function unloaded(
  files: readonly Written[],
  options: {
    readonly say?: (files: readonly Said[]) => readonly Said[]
    readonly policies?: object
    readonly bad?: BadValues
  } = {},
) {
  const store = openMemoryStore({ now: () => new Date() })
  const statements: string[] = []
  const answer = (columns: readonly SnowflakeColumn[], rows: SnowflakeAnswer['rows']): SnowflakeAnswer => ({
    columns,
    rows,
    queryId: '01b-2',
  })
  const named = (name: string): SnowflakeColumn => ({ name, type: 'text', precision: null, scale: null, nullable: true })
  const client: SnowflakeClient = {
    run: async (sql) => {
      statements.push(sql)
      if (!sql.startsWith('COPY')) return answer(COLUMNS, [])
      const said: Said[] = []
      for (const { name, rows } of files) {
        const columns = STORED.map(([column, type]) => ({ name: column, type, sourceType: '', nullable: true }))
        const batch = batchOf(rows, columns)
        const { bytes } = await writeParquet(batch.schema, [batch], { compression: 'snappy' })
        await store.putIfAbsent(PREFIX + name, bytes)
        said.push({ name, size: bytes.length, rows: rows.length })
      }
      const entries = (options.say ?? ((all) => all))(said)
      return answer(
        ['FILE_NAME', 'FILE_SIZE', 'ROW_COUNT'].map(named),
        entries.map(({ name, size, rows }) => [name, String(size), String(rows)]),
      )
    },
    stream: async () => {
      throw new Error('not streamed')
    },
    [Symbol.asyncDispose]: async () => undefined,
  }
  const exchange: Exchange = {
    store,
    prefix: PREFIX,
    parquet: ({ key, size }, columns, abort) =>
      readParquetColumns(objectBuffer(store, key, size, abort), key, columns, { groupRows: 2, signal: abort }),
  }
  const from = { relation: '"DB"."RAW"."X"' }
  const badValues = options.bad ?? strict
  const reader = await openReader(
    client,
    {
      subject: 'Table "DB.RAW.X"',
      from,
      request: { from: { kind: 'query', sql: '' }, columns: null, where: null, badValues, exchange },
      policies: options.policies === undefined ? DEFAULT_POLICIES : unloadPolicies.parse(options.policies),
      place: async () => ({ location: '"DB"."RAW"."S"/_unload/1/', store, prefix: PREFIX }),
    },
    signal,
  )
  return { reader, store, statements }
}

const ROWS: readonly (readonly Value[])[] = [
  [10n ** 37n, -1n, 'ff00', null],
  [2n, 253_402_300_799_999_999n, '', null],
  [3n, null, null, null],
]

test('rows of several files come exactly, in their columns; nothing is unloaded before', async () => {
  const { reader, statements } = await unloaded([
    { name: 'data_01b_0.snappy.parquet', rows: ROWS },
    { name: 'data_01b_1.snappy.parquet', rows: [[4n, 0n, '00', null]] },
  ])
  expect(statements.filter((sql) => sql.startsWith('COPY'))).toEqual([])
  expect(reader.columns.map(({ name, sourceType }) => `${name} ${sourceType}`)).toEqual([
    'id NUMBER(38,0)',
    'seen TIMESTAMP_NTZ(9)',
    'bytes BINARY',
  ])
  expect(await linesOf(reader)).toEqual([
    '10000000000000000000000000000000000000 | 1969-12-31 23:59:59.999999 | ff00',
    '2 | 9999-12-31 23:59:59.999999 | ',
    '3 | ␀ | ␀',
    '4 | 1970-01-01 00:00:00.000000 | 00',
  ])
})

test('no rows: no files, and no error', async () => {
  const { reader } = await unloaded([])
  expect(await linesOf(reader)).toEqual([])
})

test('files of an attempt whose answer was lost are not read', async () => {
  const { reader } = await unloaded(
    [
      { name: 'data_lost_0.snappy.parquet', rows: ROWS },
      { name: 'data_01b_0.snappy.parquet', rows: ROWS.slice(2) },
    ],
    { say: (all) => all.slice(1) },
  )
  expect(await linesOf(reader)).toEqual(['3 | ␀ | ␀'])
})

test('a file that is missing, cut, or of other rows than were written is never read', async () => {
  const one: readonly Written[] = [{ name: 'a.parquet', rows: ROWS }]
  const reading = async (say: (files: readonly Said[]) => readonly Said[]) => linesOf((await unloaded(one, { say })).reader)
  await expect(reading((all) => [...all, { name: 'b.parquet', size: 1, rows: 1 }])).rejects.toThrow('"b.parquet" is not below')
  await expect(reading((all) => all.map((each) => ({ ...each, size: each.size + 1 })))).rejects.toThrow('Snowflake wrote')
  await expect(reading((all) => all.map((each) => ({ ...each, rows: 4 })))).rejects.toThrow('holds 3 rows, Snowflake wrote 4')
})

test('a prefix that holds something is refused', async () => {
  const { reader, store } = await unloaded([])
  await store.putIfAbsent(`${PREFIX}older`, new Uint8Array([1]))
  await expect(linesOf(reader)).rejects.toThrow('already holds')
})

test('values that do not fit are an error without the value, or are put aside', async () => {
  const rows: readonly (readonly Value[])[] = [...ROWS, [5n, 7n, null, 2n]]
  const files = [{ name: 'a.parquet', rows }]
  const failure = await linesOf((await unloaded(files)).reader).catch((error: unknown) => error)
  expect(String(failure)).toContain('column "seen": a value has nanoseconds')
  expect(String(failure)).not.toContain('7')
  const rejected: RejectedRow[] = []
  const { reader } = await unloaded(files, { bad: lenient(rejected), policies: { integers: 'int64' } })
  expect((await linesOf(reader)).map((line) => line.split(' | ')[0])).toEqual(['2', '3'])
  expect(rejected.map(({ column, reason, row }) => [column, reason, row.id])).toEqual([
    ['id', 'does not fit int64', '10000000000000000000000000000000000000'],
    ['seen', 'has nanoseconds, which a column of microseconds cannot hold', '5'],
  ])
})
