import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { ConnectorError } from '../../../../connectors/errors.ts'
import { inspectParquet, type Json, readParquetRows } from '../../../../integrations/land/parquet/inspect.ts'
import { testBatch } from '../../../support/arrow-columns.ts'
import { duckdbFiles, jsonRows, rangesOf, writeParquet } from '../../../support/parquet-files.ts'

let files: Awaited<ReturnType<typeof duckdbFiles>>
beforeAll(async () => {
  files = await duckdbFiles()
})
afterAll(() => files[Symbol.asyncDispose]())

/** A file that DuckDB wrote. */
async function foreign(select: string, options = ''): Promise<Uint8Array> {
  const path = join(files.directory, 'foreign.parquet')
  await files.connection.run(`copy (${select}) to '${path}' (format parquet ${options})`)
  return new Uint8Array(await readFile(path))
}

const schemaOf = async (bytes: Uint8Array) =>
  Object.fromEntries((await inspectParquet(rangesOf(bytes), bytes.length)).schema.map(({ name, type }) => [name, type]))

const codeOf = async (bytes: Uint8Array): Promise<string> => {
  try {
    await jsonRows(bytes)
    return 'none'
  } catch (error) {
    return (error as ConnectorError).code
  }
}

describe('files of others', () => {
  test('are shown in the words of the type table, values without loss', async () => {
    const bytes = await foreign(`
      select 9007199254740993::bigint as i64, 18446744073709551615::ubigint as u64, 4294967295::uinteger as u32, 255::utinyint as u8,
        -1::tinyint as i8, true as b, 1.5::float as f, 'nan'::double as nan, 12345678901234567890.123456789::decimal(38,9) as d,
        -0.01::decimal(4,2) as small, 'é' as t, '\\x00\\xFF'::blob as x, date '0001-01-01' as day,
        timestamp '2024-02-29 12:34:56.789012' as ts, timestamptz '2024-02-29 12:34:56.789012+00' as tz,
        timestamp_ns '2024-02-29 12:34:56.789012345' as ns, timestamp_ms '1969-12-31 23:59:59.999' as ms, time '23:59:59.000001' as tm,
        '12345678-9abc-def0-1234-56789abcdef0'::uuid as u, '{"a": 1}'::json as j, null::integer as n`)
    expect(await schemaOf(bytes)).toEqual({
      i64: 'int64',
      u64: 'uint64',
      u32: 'uint32',
      u8: 'uint8',
      i8: 'int8',
      b: 'bool',
      f: 'float32',
      nan: 'float64',
      d: 'decimal(38,9)',
      small: 'decimal(4,2)',
      t: 'utf8',
      x: 'binary',
      day: 'date',
      ts: 'timestamp(us)',
      tz: 'timestamp(us,UTC)',
      ns: 'timestamp(ns)',
      ms: 'timestamp(ms)',
      tm: 'time(us)',
      u: 'uuid',
      j: 'utf8(json)',
      n: 'int32',
    })
    expect(await jsonRows(bytes)).toEqual([
      {
        i64: '9007199254740993',
        u64: '18446744073709551615',
        u32: 4294967295,
        u8: 255,
        i8: -1,
        b: true,
        f: 1.5,
        nan: 'NaN',
        d: '12345678901234567890.123456789',
        small: '-0.01',
        t: 'é',
        x: '00ff',
        day: '0001-01-01',
        ts: '2024-02-29T12:34:56.789012',
        tz: '2024-02-29T12:34:56.789012Z',
        ns: '2024-02-29T12:34:56.789012345',
        ms: '1969-12-31T23:59:59.999',
        tm: '23:59:59.000001',
        u: '12345678-9abc-def0-1234-56789abcdef0',
        j: '{"a": 1}',
        n: null,
      },
    ])
  })

  test('nested values keep their shape', async () => {
    const bytes = await foreign(`
      select [1::bigint, null, 3] as l, map {'k': 1.10::decimal(4,2)} as m, {'a': date '2024-01-01', 'b': [{'c': '\\x01'::blob}]} as s
      union all select [], map {}, null union all select null, null, {'a': null, 'b': []}`)
    expect(await schemaOf(bytes)).toEqual({
      l: 'list<int64>',
      m: 'map<utf8, decimal(4,2)>',
      s: 'struct<a: date, b: list<struct<c: binary>>>',
    })
    expect(await jsonRows(bytes)).toEqual([
      { l: ['1', null, '3'], m: { k: '1.10' }, s: { a: '2024-01-01', b: [{ c: '01' }] } },
      { l: [], m: {}, s: null },
      { l: null, m: null, s: { a: null, b: [] } },
    ])
  })

  test.each(['snappy', 'zstd', 'gzip', 'brotli', 'lz4_raw', 'uncompressed'])(
    '%s pages are read, in both page versions',
    async (codec) => {
      for (const version of ['V1', 'V2']) {
        const select = "select i, i % 7 as r, 's' || (i * i) as s, i / 3 as f from range(5000) t(i)"
        const bytes = await foreign(select, `, codec '${codec}', parquet_version ${version}, row_group_size 2048`)
        const rows = await jsonRows(bytes)
        expect(rows.length).toBe(5000)
        expect(rows[4999]).toEqual({ i: '4999', r: '1', s: `s${4999 * 4999}`, f: 4999 / 3 })
      }
    },
  )
})

describe('rows', () => {
  const batch = testBatch([
    { name: 'n', type: { kind: 'int32' }, values: Array.from({ length: 40_000 }, (_, i) => i) },
    { name: 't', type: { kind: 'utf8', format: 'text' }, values: Array.from({ length: 40_000 }, (_, i) => `t${i}`) },
  ])

  test('come one by one, as many as asked for, of the columns asked for', async () => {
    const { bytes } = await writeParquet(batch.schema, [batch], { pageRows: 4096, rowGroupRows: 16_384 })
    const take = async (options: Parameters<typeof readParquetRows>[2]) => {
      const rows: Readonly<Record<string, Json>>[] = []
      let read = 0
      const ranges = rangesOf(bytes)
      const counted = async (start: number, end: number) => {
        read += end - start
        return ranges(start, end)
      }
      for await (const row of readParquetRows(counted, bytes.length, options)) rows.push(row)
      return { rows, read }
    }
    expect((await take({ limit: 3, columns: ['t'] })).rows).toEqual([{ t: 't0' }, { t: 't1' }, { t: 't2' }])
    const all = await take({})
    expect(all.rows.map((row) => row.n)).toEqual(Array.from({ length: 40_000 }, (_, i) => i))
    expect((await take({ limit: 10 })).read).toBeLessThan(all.read / 2)
    expect((await take({ limit: 0 })).rows).toEqual([])
  })
})

describe('what is not a readable Parquet file is said to be so', () => {
  test('other bytes, too few bytes, an encrypted footer', async () => {
    for (const bytes of [
      new Uint8Array(0),
      Buffer.from('PAR1'),
      Buffer.from('{"not": "parquet", "but": "json"}'),
      Buffer.from('ORC..........ORC'),
    ]) {
      expect(await codeOf(bytes)).toBe('FORMAT')
    }
    await expect(inspectParquet(rangesOf(Buffer.from('PARE........PARE')), 16)).rejects.toThrow('encrypted')
    const lying = Buffer.concat([
      Buffer.from('PAR1'),
      Buffer.alloc(8),
      Buffer.from([0xff, 0xff, 0xff, 0x7f]),
      Buffer.from('PAR1'),
    ])
    await expect(inspectParquet(rangesOf(lying), lying.length)).rejects.toThrow('claims 2147483647')
  })

  test('a damaged file ends in an error of ours, whichever byte is wrong', async () => {
    const rows = 200
    const batch = testBatch([
      { name: 'n', type: { kind: 'int64' }, values: Array.from({ length: rows }, (_, i) => (i % 3 === 0 ? null : BigInt(i))) },
      { name: 's', type: { kind: 'utf8', format: 'text' }, values: Array.from({ length: rows }, (_, i) => `s${i % 9}`) },
    ])
    const { bytes } = await writeParquet(batch.schema, [batch], { compression: 'zstd' })
    for (let at = 0; at < bytes.length; at += 3) {
      const damaged = new Uint8Array(bytes)
      damaged[at] = (damaged[at] as number) ^ 0x55
      expect(['none', 'FORMAT', 'UNSUPPORTED']).toContain(await codeOf(damaged))
    }
  })
})
