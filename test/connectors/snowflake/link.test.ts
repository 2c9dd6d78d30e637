/** `portage link`: directories of files that others wrote as external tables, made, refreshed, changed, proven and dropped. */

import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { stringify } from 'yaml'
import type { Value } from '../../../connectors/column-values.ts'
import type { TransferColumn } from '../../../connectors/tables.ts'
import { batchOf } from '../../contracts/table-rows.ts'
import { portage } from '../../support/command-line.ts'
import { writeOrc } from '../../support/orc-files.ts'
import { writeParquet } from '../../support/parquet-files.ts'
import { type Scratch, scratch } from '../../support/scratch.ts'
import { openTestAccount, type TestAccount } from '../../support/snowflake-account.ts'

let account: TestAccount
let config: Scratch

beforeAll(async () => {
  account = await openTestAccount()
  const { connection, lake } = account
  config = scratch({
    'config/connections.yaml': stringify({
      snow: { connector: 'snowflake', ...connection },
      files: { connector: 's3', ...lake },
    }),
  })
})
afterAll(async () => {
  config?.[Symbol.dispose]()
  await account?.[Symbol.asyncDispose]()
})

const run = (...argv: readonly string[]) => portage([...argv, '--config', config.path('config'), '--state', config.path('state')])

async function linked(directory: string, name: string, ...more: readonly string[]) {
  const ended = await run('link', account.store.address(`${directory}/`), `snow:${account.schema}.${name}`, ...more)
  return { ...ended, said: ended.stdout + ended.stderr }
}

const column = (name: string, type: TransferColumn['type']): TransferColumn => ({ name, type, sourceType: '', nullable: true })
const COLUMNS = [
  column('id', { kind: 'int64' }),
  column('amount', { kind: 'decimal', precision: 12, scale: 2 }),
  column('Label', { kind: 'utf8', format: 'text' }),
  column('day', { kind: 'date' }),
  column('seen', { kind: 'timestamp', utc: true }),
  column('bytes', { kind: 'binary' }),
]

type Format = 'orc' | 'parquet'

async function put(key: string, format: Format, rows: readonly (readonly Value[])[], columns = COLUMNS): Promise<void> {
  const batch = batchOf(rows, columns)
  const { bytes } = await (format === 'orc' ? writeOrc : writeParquet)(batch.schema, [batch])
  await account.store.putIfAbsent(key, bytes)
}

const row = (id: number): readonly Value[] => [
  BigInt(id),
  BigInt(id) * 100n + 5n,
  id % 2 === 0 ? '\\N' : `l${id}`,
  id - 1000,
  BigInt(id) * 1_000_000n - 2_000_000n + (id > 1 ? 1n : 0n),
  new Uint8Array([255, id]),
]

const shown = (name: string, columns = 'id, amount, label, day, seen, bytes') =>
  account.rows(`SELECT ${columns} FROM ${account.schema}.${name} ORDER BY id`)

describe.each(['orc', 'parquet'] as const)('%s', (format) => {
  test('a directory without partitions follows its files and columns; a repeat changes nothing', async () => {
    const name = `flat_${format}`
    await put(`${name}/000000_0`, format, [row(1), row(2)])
    expect((await linked(name, name)).said).toContain(`1 ${format} file, 2 rows; 1 added, 0 removed`)
    expect(await shown(name)).toEqual([
      ['1', '1.05', 'l1', '1967-04-08', '1969-12-31 23:59:59.000000', 'FF01'].map((text) =>
        expect.stringMatching(new RegExp(`^${text}`, 'i')),
      ),
      ['2', '2.05', '\\\\N', '1967-04-09', '1970-01-01 00:00:00.000001', 'FF02'].map((text) =>
        expect.stringMatching(new RegExp(`^${text}`, 'i')),
      ),
    ])
    expect((await linked(name, name)).said).toContain('up to date')

    await account.store.delete([`${name}/000000_0`])
    await put(
      `${name}/000002_0`,
      format,
      [[3, 'x']],
      [column('id', { kind: 'int32' }), column('fresh', { kind: 'utf8', format: 'text' })],
    )
    expect((await linked(name, name)).said).toContain('1 added, 1 removed')
    expect(await shown(name, 'id, fresh')).toEqual([['3', 'x']])
    await expect(shown(name, 'amount')).rejects.toThrow()
  })

  test('partitions are added, changed and taken away; the default partition is NULL', async () => {
    const name = `parts_${format}`
    await put(`${name}/dt=2026-01-01/part=a%20b/000000_0`, format, [row(1)])
    await put(`${name}/dt=2026-01-02/part=__HIVE_DEFAULT_PARTITION__/000000_0`, format, [row(2), row(3)])
    await put(`${name}/dt=2026-01-02/part=__HIVE_DEFAULT_PARTITION__/_hidden`, format, [row(9)])
    expect((await linked(name, name)).said).toContain('in 2 partitions, 3 rows')
    expect(await shown(name, 'id, dt, part')).toEqual([
      ['1', '2026-01-01', 'a b'],
      ['2', '2026-01-02', null],
      ['3', '2026-01-02', null],
    ])
    expect((await linked(name, name)).said).toContain('up to date')
    await put(`${name}/dt=2026-01-01/part=a%20b/000001_0`, format, [row(4)])
    await account.store.delete([`${name}/dt=2026-01-02/part=__HIVE_DEFAULT_PARTITION__/000000_0`])
    await put(`${name}/dt=2026-01-03/part=c/000000_0`, format, [row(5)])
    expect((await linked(name, name)).code).toBe(0)
    expect(await shown(name, 'id, dt, part')).toEqual([
      ['1', '2026-01-01', 'a b'],
      ['4', '2026-01-01', 'a b'],
      ['5', '2026-01-03', 'c'],
    ])
  })
})

test('a damaged file is named although queries succeed', async () => {
  const name = 'damaged'
  await put(`${name}/good`, 'parquet', [row(1)])
  const batch = batchOf([row(2)], COLUMNS)
  const { bytes } = await writeParquet(batch.schema, [batch], { compression: 'none' })
  const broken = Buffer.from(bytes)
  // The footer stays: rows are still said to be there.
  broken.fill(0xff, 4, 40)
  await account.store.putIfAbsent(`${name}/wrong`, broken)
  const { code, said } = await linked(name, name)
  expect(code).toBe(1)
  expect(said).toContain('other numbers of rows than the footers of')
  expect(said).toContain(`${name}/wrong`)
  expect(await shown(name, 'id')).toEqual([['1']])
  expect((await linked(name, name)).code).toBe(1)
  await account.store.delete([`${name}/wrong`])
  expect((await linked(name, name)).code).toBe(0)
})

test('a dry run shows every statement and no key, and makes nothing', async () => {
  await put('dry/x', 'orc', [row(1)])
  const { code, said } = await linked('dry', 'dry', '--dry-run')
  expect(code).toBe(0)
  expect(said).toContain('CREATE EXTERNAL TABLE')
  expect(said).toContain('Dry run: nothing was changed')
  const { secret_access_key: secret } = account.lake
  if (typeof secret === 'string') expect(said).not.toContain(secret)
  await expect(shown('dry', 'id')).rejects.toThrow()
})

test('what cannot be linked, and where it cannot be linked to, is said so; replacing needs consent', async () => {
  await put('acid/delta_0000001_0000001_0000/bucket_00000', 'orc', [row(1)])
  expect((await linked('acid', 'acid')).said).toContain('transactional')
  const table = `snow:${account.schema}.x`
  expect((await run('link', 'nobody:raw.x', table)).stderr).toContain('No connection "nobody"')
  expect((await run('link', account.store.address('none/'), table)).stderr).toContain('holds no files of data')
  expect((await run('link', account.store.address('acid/x'), table)).stderr).toContain('with a slash at its end')
  expect((await run('link', account.store.address('acid/'), 'files:raw.x')).stderr).toContain(
    'expected connection:schema.table of a warehouse',
  )
  expect((await run('link', account.store.address('acid/'), 'snow:x')).stderr).toContain('expected connection:schema.table')

  await put('again/x', 'orc', [row(1)])
  await account.rows(`CREATE TABLE ${account.schema}.again (id NUMBER)`)
  expect((await linked('again', 'again')).code).toBe(1)
  await put('swap/x', 'orc', [row(1)])
  expect((await linked('swap', 'swap')).code).toBe(0)
  await account.store.delete(['swap/x'])
  await put('swap/y', 'parquet', [row(2)])
  expect((await linked('swap', 'swap')).said).toContain('Run it with --replace')
  expect((await linked('swap', 'swap', '--replace')).code).toBe(0)
  expect(await shown('swap', 'id')).toEqual([['2']])
})

test('unlink drops what link made, and nothing else', async () => {
  await put('gone/x', 'orc', [row(1)])
  await linked('gone', 'gone')
  const table = `snow:${account.schema}.gone`
  expect((await run('unlink', table, '--dry-run')).stdout).toContain('Dry run')
  expect(await shown('gone', 'id')).toEqual([['1']])
  expect((await run('unlink', table)).code).toBe(0)
  await expect(shown('gone', 'id')).rejects.toThrow()
  expect((await run('unlink', table)).stderr).toContain('does not exist')
  expect(await account.store.head('gone/x')).not.toBeNull()
  await account.rows(`CREATE TABLE ${account.schema}.mine (id NUMBER)`)
  expect((await run('unlink', `snow:${account.schema}.mine`)).code).toBe(1)
})
