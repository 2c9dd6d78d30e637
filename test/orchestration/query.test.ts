import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { tableFromIPC } from 'apache-arrow'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Position } from '../../connectors/change.ts'
import { openDuckdbWarehouse } from '../../connectors/duckdb/warehouse.ts'
import { ConnectorError } from '../../connectors/errors.ts'
import type { Warehouse } from '../../connectors/ports.ts'
import type { QueryFormat } from '../../orchestration/format/query-writers.ts'
import { runQuery } from '../../orchestration/query.ts'
import { quietEnvironment } from '../support/lake.ts'
import { queryRows } from '../support/query-rows.ts'

const signal = new AbortController().signal
const SAMPLE = `select * from (values
  (9007199254740993::bigint, 12.50::decimal(10,2), true, 'plain', timestamptz '2026-01-02 03:04:05.678901Z', date '2026-01-02'),
  (null, -0.01, false, 'a,"b"' || chr(10) || 'c', null, null),
  (1, null, null, '', timestamptz '1969-12-31 23:59:59.999999Z', date '0001-01-01')) t(id, amount, ok, note, seen, day)`

describe('runQuery', () => {
  let directory: string
  let warehouse: Warehouse
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'portage-query-'))
    warehouse = await openDuckdbWarehouse({}, { ...quietEnvironment(), stateDir: directory })
    const empty = { integration: 'i', schema: 'main', commit: 1, position: 'p' as Position, tables: [], dryRun: false }
    const readObject = async () => null
    await warehouse.register(
      {
        ...empty,
        readObject,
        relationSql: () => ({ current: '', changes: '', columns: [], types: new Map(), comments: new Map() }),
      },
      signal,
    )
  })
  afterAll(() => rm(directory, { recursive: true }))

  const run = async (sql: string, format: QueryFormat): Promise<Buffer> => {
    const parts: Buffer[] = []
    const out = { write: async (chunk: string | Uint8Array) => void parts.push(Buffer.from(chunk)) }
    await runQuery({ warehouse, sql, format, out }, signal)
    return Buffer.concat(parts)
  }

  test('a table shows exact values, numbers on the right, control characters escaped', async () => {
    expect(String(await run(SAMPLE, 'table'))).toBe(
      [
        '              id  amount  ok     note      seen                         day',
        '────────────────  ──────  ─────  ────────  ───────────────────────────  ──────────',
        '9007199254740993   12.50  true   plain     2026-01-02T03:04:05.678901Z  2026-01-02',
        '            NULL   -0.01  false  a,"b"\\nc  NULL                         NULL',
        '               1    NULL  NULL             1969-12-31T23:59:59.999999Z  0001-01-01',
        '(3 rows)',
        '',
      ].join('\n'),
    )
  })

  test('csv tells an empty text from a null', async () => {
    expect(String(await run(SAMPLE, 'csv'))).toBe(
      [
        'id,amount,ok,note,seen,day',
        '9007199254740993,12.50,true,plain,2026-01-02T03:04:05.678901Z,2026-01-02',
        ',-0.01,false,"a,""b""\nc",,',
        '1,,,"",1969-12-31T23:59:59.999999Z,0001-01-01',
        '',
      ].join('\n'),
    )
  })

  test('json has one object per line, 64-bit integers and decimals as strings', async () => {
    const lines = String(await run(SAMPLE, 'json'))
      .trimEnd()
      .split('\n')
    expect(JSON.parse(lines[0] ?? '')).toEqual({
      id: '9007199254740993',
      amount: '12.50',
      ok: true,
      note: 'plain',
      seen: '2026-01-02T03:04:05.678901Z',
      day: '2026-01-02',
    })
    expect(JSON.parse(lines[1] ?? '')).toMatchObject({ id: null, note: 'a,"b"\nc' })
  })

  test('arrow is an IPC stream that keeps types, and an empty result keeps its schema', async () => {
    const table = tableFromIPC(await run(SAMPLE, 'arrow'))
    expect(table.numRows).toBe(3)
    expect(table.schema.fields.map((field) => String(field.type))).toEqual([
      'Int64',
      'Decimal[10e+2]',
      'Bool',
      'Utf8',
      'Timestamp<MICROSECOND, UTC>',
      'Date32<DAY>',
    ])
    expect(table.getChild('id')?.get(0)).toBe(9_007_199_254_740_993n)
    expect(tableFromIPC(await run(`${SAMPLE} where false`, 'arrow')).schema.fields).toHaveLength(6)
  })

  test('parquet can be queried again', async () => {
    const path = join(directory, 'out.parquet')
    await writeFile(path, await run(`select range as n from range(10000) order by n`, 'parquet'))
    expect(await queryRows(warehouse, `select count(*), sum(n) from '${path}'`)).toEqual(['10000 | 49995000'])
  })

  test('a large result streams in order', async () => {
    const lines = String(await run('select range as n from range(50000) order by n', 'csv'))
      .trimEnd()
      .split('\n')
    expect(lines).toHaveLength(50_001)
    expect(lines[50_000]).toBe('49999')
  })

  test('a statement that DuckDB refuses is told with its words as the cause only', async () => {
    const error: unknown = await run(`select 'secret-value'::integer`, 'table').catch((reason: unknown) => reason)
    expect(error).toBeInstanceOf(ConnectorError)
    expect((error as ConnectorError).code).toBe('STATEMENT')
    expect((error as ConnectorError).message).not.toContain('secret-value')
  })

  test('types without a logical type come as text, nested ones as JSON', async () => {
    const sql = `select 170141183460469231731687303715884105727::hugeint h, 18446744073709551615::ubigint u, 200::utinyint b,
      [1, null, 3] l, {'a': 1.50::decimal(4,2), 'b': [timestamp '2026-01-02 03:04:05']} s, map {'k': 'v"'} m,
      time '24:00:00' t, interval '1 month 2 days' i, uuid '00000000-0000-0000-0000-00000000000f' x, '\\xAB'::blob y`
    expect(String(await run(sql, 'csv')).split('\n')[1]).toBe(
      '170141183460469231731687303715884105727,18446744073709551615,200,"[1,null,3]","{""a"":1.50,""b"":[""2026-01-02 03:04:05""]}","[[""k"",""v\\""""]]",24:00:00,1 month 2 days,00000000-0000-0000-0000-00000000000f,ab',
    )
  })
})
