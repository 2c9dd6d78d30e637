/** Tables of other systems: which files are theirs, how columns are matched and widened, and what is refused. */
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import type { Value } from '../../../connectors/column-values.ts'
import { ConnectorError } from '../../../connectors/errors.ts'
import type { LogicalType } from '../../../connectors/logical-type.ts'
import type { ForeignLayout, ForeignPlace } from '../../../connectors/manifest.ts'
import type { TransferColumn } from '../../../connectors/tables.ts'
import { openForeignReader } from '../../../integrations/transfer/foreign/foreign-reader.ts'
import { parseLocation } from '../../../integrations/transfer/foreign/location.ts'
import { findFiles } from '../../../integrations/transfer/foreign/manifest.ts'
import { tableReaderContract } from '../../contracts/table-reader.ts'
import { batchOf, COLUMNS, ROWS } from '../../contracts/table-rows.ts'
import { finderOf, foreignColumns, foreignLayout, found, storeOf } from '../../support/foreign-tables.ts'
import { orcOfParts, tableTypes, writeOrc } from '../../support/orc-files.ts'
import { duckdbFiles, writeParquet } from '../../support/parquet-files.ts'
import { linesOf } from '../../support/table-rows.ts'

const signal = new AbortController().signal

const INT: LogicalType = { kind: 'int32' }
const LONG: LogicalType = { kind: 'int64' }
const TEXT: LogicalType = { kind: 'utf8', format: 'text' }
const column = (name: string, type: LogicalType): TransferColumn => ({ name, type, sourceType: '', nullable: true })

type Columns = Readonly<Record<string, LogicalType>>

async function fileOf(format: 'orc' | 'parquet', columns: Columns, rows: readonly (readonly Value[])[]): Promise<Uint8Array> {
  const batch = batchOf(
    rows,
    Object.entries(columns).map(([name, type]) => column(name, type)),
  )
  return (await (format === 'orc' ? writeOrc : writeParquet)(batch.schema, [batch])).bytes
}

const parquet = (columns: Columns, ...rows: readonly (readonly Value[])[]) => fileOf('parquet', columns, rows)
const orc = (columns: Columns, ...rows: readonly (readonly Value[])[]) => fileOf('orc', columns, rows)

async function read(
  layout: ForeignLayout,
  files: Readonly<Record<string, Uint8Array>>,
  columns: readonly string[] | null = null,
): Promise<readonly string[]> {
  await using reader = openForeignReader(await found(layout, files), columns)
  return await linesOf(reader)
}

tableReaderContract('files of another system', async () => {
  const types = COLUMNS.map(({ name, type, sourceType }) => ({ name, sourceType, type, shape: { kind: 'value' as const, type } }))
  const batch = batchOf(ROWS)
  const files = { '000000_0': (await writeParquet(batch.schema, [batch])).bytes }
  const table = await found({ ...foreignLayout([]), columns: types }, files)
  return { open: async (columns) => openForeignReader(table, columns), [Symbol.asyncDispose]: async () => undefined }
})

describe('the files of a location', () => {
  const layout = (owner: ForeignLayout['owner'] = 'hive') => foreignLayout(['a int'], { owner })

  test('are all that no name hides, in directories, too; empty ones and markers hold no rows', async () => {
    const one = await parquet({ a: INT }, [1])
    const names = [
      '000000_0',
      '000000_0_copy_1',
      'HIVE_UNION_SUBDIR_1/000000_0',
      'HIVE_UNION_SUBDIR_2/000000_0',
      'x y/ü%2F.parquet',
    ]
    const ignored = ['_SUCCESS', '_tmp/000000_0', '.hive-staging/x', 'sub/.part.crc', 'sub_$folder$', '_metadata']
    const files = Object.fromEntries([...names, ...ignored].map((name) => [name, one]))
    const table = await found(layout(), { ...files, empty: new Uint8Array(), '../t2/x': one })
    expect(table.table.partitions[0]?.files.map(({ address }) => address.replace('s3://lake/t/', ''))).toEqual(names.toSorted())
    expect(await read(layout(), files)).toHaveLength(5)
  })

  test('below a neighbour whose name begins alike are not its own; nothing at all is an empty table', async () => {
    expect(await read(layout(), {})).toEqual([])
    const store = storeOf({ x: await parquet({ a: INT }, [1]) })
    const beside = { ...layout(), partitions: [{ values: [], location: 's3a://lake/t/x' }] }
    expect((await findFiles(beside, finderOf(store), signal)).places[0]?.files).toEqual([])
  })

  test('in directories are refused for Spark, which would not show them', async () => {
    const one = await parquet({ a: INT }, [1])
    await expect(found(layout('spark'), { 'HIVE_UNION_SUBDIR_1/x': one })).rejects.toThrow('Spark does not read them')
  })

  const formats = [
    ['delta_0000001_0000001_0000/bucket_00000', /transactional \(ACID\)/],
    ['base_0000003/000000_0', /transactional \(ACID\)/],
    ['delete_delta_0000002_0000002_0000/bucket_00000', /transactional \(ACID\)/],
    ['_delta_log/00000000000000000000.json', /Delta Lake/],
    ['.hoodie/hoodie.properties', /Apache Hudi/],
    ['metadata/00000-1.metadata.json', /Apache Iceberg/],
  ] as const
  for (const [name, message] of formats) {
    test(`${name} tells the table's format, whatever the catalogue said`, async () => {
      const files = { [name]: new Uint8Array([1]), x: await parquet({ a: INT }, [1]) }
      await expect(found(layout(), files)).rejects.toMatchObject({ code: 'UNSUPPORTED', message: expect.stringMatching(message) })
      // Beside the partitions, likewise.
      const partitions = [{ values: ['1'], location: 's3a://lake/elsewhere' }]
      const partitioned = foreignLayout(['a int'], { partitionColumns: ['p int'], partitions })
      if (!name.startsWith('d') && !name.startsWith('b')) await expect(found(partitioned, files)).rejects.toThrow(message)
    })
  }

  test('a file of a full-ACID table is recognised by itself, without path and properties', async () => {
    const names = ['operation', 'originalTransaction', 'bucket', 'rowId', 'currentTransaction', 'row']
    const bytes = orcOfParts({
      types: tableTypes(names, [{ kind: 3 }, { kind: 4 }, { kind: 3 }, { kind: 4 }, { kind: 4 }, { kind: 3 }]),
      rows: 0,
    })
    await expect(found(foreignLayout(['a int'], { format: 'orc' }), { bucket_00000: bytes })).rejects.toMatchObject({
      code: 'UNSUPPORTED',
      message: expect.stringMatching(/^File "s3:\/\/lake\/t\/bucket_00000": .*full-ACID/),
    })
  })
})

describe('columns', () => {
  test('of Parquet are found by name, whatever the case and order; others are NULL, further ones left aside', async () => {
    const layout = foreignLayout(['id bigint', 'Name string', 'later int'])
    const files = { a: await parquet({ NAME: TEXT, extra: INT, Id: LONG }, ['x', 1, 7n]), b: await parquet({ ID: LONG }, [8n]) }
    expect(await read(layout, files)).toEqual(['7 | x | ␀', '8 | ␀ | ␀'])
    expect(await read(layout, files, ['later', 'id'])).toEqual(['␀ | 7', '␀ | 8'])
  })

  test('of ORC are found by position where the owner does so, by name elsewhere', async () => {
    const files = { a: await orc({ old: LONG, b: TEXT }, [1n, 'x']) }
    const columns = ['id bigint', 'b string', 'c string']
    expect(await read(foreignLayout(columns, { format: 'orc' }), files)).toEqual(['1 | x | ␀'])
    expect(await read(foreignLayout(columns, { format: 'orc', owner: 'spark' }), files)).toEqual(['␀ | x | ␀'])
  })

  test('a partition of an older shape has the columns that it had, by position in the table and under its own names in files', async () => {
    const own = foreignColumns(['id int', 'label string'])
    const partitions: readonly ForeignPlace[] = [
      { values: ['1'], location: 's3a://lake/t/p=1', columns: own },
      { values: ['2'], location: 's3a://lake/t/p=2' },
    ]
    const layout = foreignLayout(['id bigint', 'renamed varchar(3)', 'extra int'], { partitionColumns: ['p int'], partitions })
    const files = {
      'p=1/000000_0': await parquet({ id: INT, label: TEXT, extra: INT }, [1, 'abcdef', 5]),
      'p=2/000000_0': await parquet({ id: LONG, renamed: TEXT, extra: INT }, [2n, 'gh', 6]),
    }
    expect(await read(layout, files)).toEqual(['1 | abc | ␀ | 1', '2 | gh | 6 | 2'])
  })

  test('that fit twice, or not at all, are refused: nothing is guessed and nothing silently NULL', async () => {
    const twice = await parquet({ id: LONG, ID: LONG }, [1n, 2n])
    await expect(found(foreignLayout(['id bigint']), { x: twice })).rejects.toThrow('several columns "id"')
    const none = await parquet({ other: LONG }, [1n])
    await expect(found(foreignLayout(['id bigint']), { x: none })).rejects.toThrow("none of the table's columns id; it has other")
  })

  test('that are unknown, or of a type that is not carried, are refused by name', async () => {
    const files = { x: await parquet({ a: INT }, [1]) }
    const layout = foreignLayout(['a int', 'v void', 'w interval_day_time'])
    await expect(read(layout, files, ['b'])).rejects.toThrow('has no column "b"; it has a, v, w')
    await expect(read(layout, files)).rejects.toThrow(/column "v" is void.*column "w" is interval_day_time.*--columns/)
    expect(await read(layout, files, ['A'])).toEqual(['1'])
  })
})

describe('values', () => {
  const DECIMAL: LogicalType = { kind: 'decimal', precision: 8, scale: 2 }
  const DATE: LogicalType = { kind: 'date' }
  const WALL: LogicalType = { kind: 'timestamp', utc: false }

  for (const format of ['orc', 'parquet'] as const) {
    test(`of narrower types in ${format} widen exactly, as the owner shows them`, async () => {
      const columns = { i: INT, f: { kind: 'float32' } as const, d: DECIMAL, b: LONG, day: DATE, at: WALL, e: DECIMAL, n: INT }
      const table = [
        'i bigint',
        'f double',
        'd decimal(20,4)',
        'b string',
        'day string',
        'at string',
        'e string',
        'n decimal(12,1)',
      ]
      const rows = [
        [-5, 0.5, 1250n, 2n ** 53n + 1n, -719162, 1_500_000n, 1250n, 7],
        [null, null, null, null, null, null, null, null],
      ]
      const files = { x: await fileOf(format, columns, rows) }
      expect(await read(foreignLayout(table, { format }), files)).toEqual([
        '-5 | 0.5 | 12.5000 | 9007199254740993 | 0001-01-01 | 1970-01-01 00:00:01.5 | 12.5 | 7.0',
        '␀ | ␀ | ␀ | ␀ | ␀ | ␀ | ␀ | ␀',
      ])
    })
  }

  test('that the table`s type cannot hold end the reading with file and column, and without the value', async () => {
    const files = { x: await parquet({ a: LONG }, [4_000_000_000n]) }
    const failed = expect(read(foreignLayout(['a int']), files)).rejects
    await failed.toMatchObject({ code: 'BAD_VALUE', message: expect.stringContaining('File "s3://lake/t/x": column "a"') })
    await failed.toMatchObject({ message: expect.not.stringContaining('4000000000') })
  })

  test('of types that have nothing in common are refused before the first row, all at once', async () => {
    const files = { x: await parquet({ a: TEXT, b: { kind: 'bool' }, c: INT }, ['1', true, 1]) }
    const layout = foreignLayout(['a int', 'b string', 'c array<int>'])
    const table = await found(layout, files)
    expect(() => openForeignReader(table, null)).toThrow(
      /column "a" is utf8 in the file and int in the table; column "b" is bool in the file and string in the table; column "c"/,
    )
  })
})

describe('Parquet of other writers', () => {
  const OPTIONS = [
    'parquet_version v1, compression snappy',
    'parquet_version v2, compression zstd',
    'parquet_version v1, compression brotli',
    'parquet_version v2, compression uncompressed, dictionary_size_limit 1',
  ]
  for (const options of OPTIONS) {
    test(`is read alike, flat and nested, over several row groups: ${options}`, async () => {
      await using duckdb = await duckdbFiles()
      const path = `${duckdb.directory}/x.parquet`
      await duckdb.query(
        `copy (select i::bigint id, (i % 7)::smallint small, case when i % 3 = 0 then null else 'name ' || (i % 100) end as name,
          (i / 4.0)::double ratio, (i * 1.25)::decimal(12,2) amount, date '1500-01-01' + i::int as day, i % 2 = 0 as even,
          case when i % 5 = 0 then null else [i, null, i + 1] end list, {'a': i, 'b': 'x' || i} as pair
          from range(9000) t(i)) to '${path}' (format parquet, row_group_size 4096, ${options})`,
      )
      const layout = foreignLayout([
        'id bigint',
        'small int',
        'name string',
        'ratio double',
        'amount decimal(20,4)',
        'day date',
        'even boolean',
        'list array<bigint>',
        'pair struct<b:string,A:bigint,c:int>',
      ])
      const lines = await read(layout, { x: new Uint8Array(readFileSync(path)) })
      expect(lines).toHaveLength(9000)
      expect(lines[0]).toBe('0 | 0 | ␀ | 0 | 0.0000 | 1500-01-01 | t | ␀ | {"b":"x0","A":0,"c":null}')
      expect(lines[8_999]).toBe(
        '8999 | 4 | name 99 | 2249.75 | 11248.7500 | 1524-08-22 | f | [8999,null,9000] | {"b":"x8999","A":8999,"c":null}',
      )
      for (const [row, line] of lines.entries()) if (!line.startsWith(`${row} | ${row % 7} | `)) expect(line).toBe(`row ${row}`)
    })
  }
})

describe('a table that changes while it is read', () => {
  test('is an error: another file under the name, one gone, one more', async () => {
    const [one, two] = [await parquet({ a: INT }, [1]), await parquet({ a: INT }, [1], [2])]
    const files: Record<string, Uint8Array> = { x: one, y: one }
    const store = storeOf(files)
    const table = await findFiles(foreignLayout(['a int']), finderOf(store), signal)
    const outcome = async (changed: Readonly<Record<string, Uint8Array>>) => {
      const later = storeOf(changed)
      const places = table.places.map((place) => ({
        ...place,
        at: { ...place.at, store: later },
        files: place.files.map((file) => ({ ...file, stored: { ...file.stored, store: later } })),
      }))
      return linesOf(openForeignReader({ ...table, places }, null))
    }
    expect(await outcome(files)).toEqual(['1', '1'])
    await expect(outcome({ x: one, y: two })).rejects.toMatchObject({
      code: 'CORRUPT',
      message: expect.stringContaining('lake/t/y'),
    })
    await expect(outcome({ x: one })).rejects.toMatchObject({ code: 'CORRUPT' })
    await expect(outcome({ x: one, y: one, z: one })).rejects.toMatchObject({
      code: 'CORRUPT',
      message: expect.stringContaining('was written to while it was read'),
    })
  })

  test('has another fingerprint with another file, footer, column or type', async () => {
    const fingerprint = async (layout: ForeignLayout, bytes: Uint8Array, columns: readonly string[] | null = null) =>
      openForeignReader(await found(layout, { x: bytes }), columns).fingerprint
    const layout = foreignLayout(['a int', 'b string'])
    const bytes = await parquet({ a: INT, b: TEXT }, [1, 'x'])
    const other = await parquet({ a: INT, b: TEXT }, [1, 'y'])
    expect(await fingerprint(layout, bytes)).toBe(await fingerprint(layout, bytes))
    const different = [
      await fingerprint(layout, bytes),
      await fingerprint(layout, other),
      await fingerprint(layout, bytes, ['a']),
      await fingerprint(foreignLayout(['a bigint', 'b string']), bytes),
    ]
    expect(new Set(different).size).toBe(4)
  })
})

describe('damaged files', () => {
  test('that point beyond their end, claim odd rows or have no names: an error, and no promise left behind', async () => {
    const bytes = new Uint8Array(readFileSync(new URL('../../support/foreign-files/spark.parquet', import.meta.url)))
    const orcBytes = new Uint8Array(readFileSync(new URL('../../support/foreign-files/hive.orc', import.meta.url)))
    const columns = ['id int', 'a array<int>', 'm map<string,decimal(10,2)>', 'st struct<x:int,y:array<date>>', 'ts timestamp']
    let random = 20_261_121
    const next = (below: number) => {
      random = (random * 1_103_515_245 + 12_345) & 0x7fff_ffff
      return random % below
    }
    for (let round = 0; round < 150; round++) {
      for (const format of ['parquet', 'orc'] as const) {
        const broken = (format === 'orc' ? orcBytes : bytes).slice()
        for (let hit = 0; hit <= round % 4; hit++) broken[next(broken.length)] = next(256)
        const outcome = await read(foreignLayout(columns, { format, owner: 'spark' }), { x: broken }).catch(
          (error: unknown) => error,
        )
        if (!Array.isArray(outcome)) expect(outcome).toBeInstanceOf(ConnectorError)
      }
    }
  })

  test('cut, overwritten or of another format: an error that names the file', async () => {
    for (const format of ['orc', 'parquet'] as const) {
      const bytes = await fileOf(format, { a: LONG, b: TEXT }, [
        [1n, 'some text'],
        [2n, 'more text'],
      ])
      const other = await fileOf(format === 'orc' ? 'parquet' : 'orc', { a: LONG, b: TEXT }, [[1n, 'x']])
      const middle = bytes.slice()
      middle.fill(0xff, 4, Math.min(40, bytes.length - 8))
      for (const broken of [bytes.subarray(0, bytes.length - 1), bytes.subarray(10), new Uint8Array(100), other, middle]) {
        const layout = foreignLayout(['a bigint', 'b string'], { format })
        const lines = await read(layout, { 'odd name': broken }).catch((error: Error) => error.message)
        // Bytes that no reader looks at may be anything.
        if (typeof lines !== 'string') expect(broken).toBe(middle)
        else expect(lines).toContain('File "s3://lake/t/odd name"')
      }
    }
  })
})

test('locations: buckets and directories, however they are spelled; other systems are refused with a way', () => {
  expect(parseLocation('s3a://lake/a b/c%2F/', 'T')).toEqual({ kind: 'bucket', bucket: 'lake', key: 'a b/c%2F' })
  const withKeys = () => parseLocation('s3a://AKIA:sec/ret@lake/x', 'T')
  expect(withKeys).toThrow(/holds keys of its bucket.*set location.*revoke/)
  expect(withKeys).not.toThrow(/AKIA|sec\/ret/)
  expect(parseLocation('s3n://lake', 'T')).toEqual({ kind: 'bucket', bucket: 'lake', key: '' })
  for (const text of ['file:/x/y', 'file:///x/y/', 'file://localhost/x/y', '/x/y']) {
    expect(parseLocation(text, 'T')).toEqual({ kind: 'path', path: '/x/y' })
  }
  expect(() => parseLocation('hdfs://nn:8020/x', 'Table "a.b"')).toThrow(/Table "a\.b" lies in "hdfs:.*query/)
})
