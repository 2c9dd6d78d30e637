/** Tables of Hive by the command line: what is in them, into a lake and into files; a fake server, real files. */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import type { LogicalType } from '../../../connectors/logical-type.ts'
import { batchOf } from '../../contracts/table-rows.ts'
import { portage } from '../../support/command-line.ts'
import { rowsAnswer, type Script } from '../../support/hive/answers.ts'
import { describedTables } from '../../support/hive/described.ts'
import { startFakeHive } from '../../support/hive/server.ts'
import { writeOrc } from '../../support/orc-files.ts'
import { writeParquet } from '../../support/parquet-files.ts'
import { scratch } from '../../support/scratch.ts'

const column = (name: string, type: LogicalType) => ({ name, type, sourceType: '', nullable: true })
const ROW_COLUMNS = [
  column('_col0', { kind: 'int64' }),
  column('_col1', { kind: 'utf8', format: 'text' }),
  column('_col2', { kind: 'decimal', precision: 12, scale: 2 }),
]

async function opened(more?: Script) {
  const place = scratch()
  const server = await startFakeHive({
    script: describedTables('hive', {
      rewrite: (text) => text.replace('s3a://lake/', `file:${place.dir}/`),
      ...(more === undefined ? {} : { more }),
    }),
  })
  const batch = batchOf([[1n, 'Ann', 1250n]], ROW_COLUMNS)
  const { bytes } = await writeOrc(batch.schema, [batch])
  for (const key of [
    'warehouse/visits/day=2026-01-02/country=a%2Fb c%3Aü%25/000000_0',
    'warehouse/visits/day=2026-01-02/country=a%2Fb c%3Aü%25/000000_0_copy_1',
    'elsewhere/part_one/HIVE_UNION_SUBDIR_1/000000_0',
    'warehouse/visits/day=2026-02-02/country=it%27s/000000_0',
  ]) {
    place.write(key, bytes)
  }
  const plain = batchOf([[7, 'x']], [column('A', { kind: 'int32' }), column('b', { kind: 'utf8', format: 'text' })])
  place.write('warehouse/plain/part-0', (await writeParquet(plain.schema, [plain])).bytes)
  const connections = (files: string, options = '') =>
    place.write(
      'config/connections.yaml',
      [
        `hive: {connector: hive, host: 127.0.0.1, port: ${server.port}${options}}`,
        `files: {connector: filesystem, path: '${files}'}`,
        `lake: {connector: filesystem, path: '${place.path('lake')}'}`,
        'duckdb: {connector: duckdb}',
        '',
      ].join('\n'),
    )
  connections(place.dir)
  const run = (...argv: readonly string[]) => portage([...argv, '--config', place.path('config'), '--state', place.path('state')])
  return {
    place,
    run,
    connections,
    [Symbol.asyncDispose]: async () => {
      await server[Symbol.asyncDispose]()
      place[Symbol.dispose]()
    },
  }
}

test('inspect shows columns, partitions and files of a table; --json the manifest; --rows its rows', async () => {
  await using subject = await opened()
  const shown = await subject.run('inspect', 'hive:fixtures.visits')
  expect(shown).toMatchObject({ code: 0, stderr: '' })
  expect(shown.stdout).toContain('orc of hive, 4 rows, ')
  expect(shown.stdout).toContain('4 files, 3 partitions')
  expect(shown.stdout).toMatch(/day=2026-01-03, country=NULL\s+1\s+1 .*its own 5 of 6, by position in 1 file/)
  const json = JSON.parse((await subject.run('inspect', 'hive:fixtures.visits', '--json')).stdout)
  expect(json).toMatchObject({
    format: 'orc',
    rows: 4,
    owner: 'hive',
    partitionColumns: [{ name: 'day', type: 'date' }, { name: 'country' }],
  })
  expect(json.partitions[1]).toMatchObject({ values: ['2026-01-03', null], files: [{ rows: 1, matchedBy: 'position' }] })
  const rows = (await subject.run('inspect', 'hive:fixtures.visits', '--rows', '3')).stdout.trim().split('\n')
  expect(rows).toHaveLength(3)
  expect(JSON.parse(rows[2] ?? '')).toEqual({
    id: '1',
    name: 'Ann',
    amount: '12.50',
    tags: null,
    detail: null,
    extra: null,
    day: '2026-01-03',
    country: null,
  })
})

test('transfer carries a table from its files, once; a condition and a query go through the server', async () => {
  await using subject = await opened((sql) =>
    sql.startsWith('DESCRIBE') ? undefined : rowsAnswer(['id bigint'], sql.includes('LIMIT 0') ? [] : [[5n]]),
  )
  const { place, run } = subject
  const first = await run('transfer', 'hive:fixtures.visits', 'lake:sales.visits')
  expect(first.code).toBe(0)
  expect(first.stdout).toContain('4 rows')
  const again = await run('transfer', 'hive:fixtures.visits', 'lake:sales.visits')
  expect(again.stdout).toContain('were transferred before')
  const csv = place.path('visits.csv')
  expect(await run('transfer', 'lake:sales.visits', `file:${csv}`)).toMatchObject({ code: 0 })
  expect(readFileSync(csv, 'utf8').split('\n').toSorted()).toEqual([
    '',
    '1,Ann,12.50,,,,2026-01-02,a/b c:ü%',
    '1,Ann,12.50,,,,2026-01-02,a/b c:ü%',
    '1,Ann,12.50,,,,2026-01-03,',
    "1,Ann,12.50,,,,2026-02-02,it's",
    'id,name,amount,tags,detail,extra,day,country',
  ])
  const few = place.path('few.csv')
  expect(await run('transfer', 'hive:fixtures.plain', `file:${few}`, '--columns', 'b,a')).toMatchObject({ code: 0 })
  expect(readFileSync(few, 'utf8')).toBe('b,a\nx,7\n')
  const empty = await run('transfer', 'hive:fixtures.bare', 'lake:sales.bare')
  expect([empty.code, empty.stdout]).toEqual([0, expect.stringContaining('0 rows')])
  for (const argv of [
    ['hive:fixtures.visits', `file:${few}`, '--columns', 'id', '--where', 'id > 4'],
    ['hive:select id from anywhere', `file:${few}`],
  ]) {
    expect(await run('transfer', ...argv)).toMatchObject({ code: 0 })
    expect(readFileSync(few, 'utf8')).toBe('id\n5\n')
  }
})

test('a damaged file of a table is named, nothing is landed; a connection of the other dialect is told; --dry-run carries nothing', async () => {
  await using subject = await opened()
  const { run, place } = subject
  const dry = await run('transfer', 'hive:fixtures.plain', 'lake:sales.plain', '--dry-run')
  expect([dry.code, dry.stdout]).toEqual([0, expect.stringContaining('b')])
  expect((await run('query', 'select 1 from sales.plain')).code).not.toBe(0)
  const path = place.path('warehouse/plain/part-0')
  const sound = readFileSync(path)
  place.write('warehouse/plain/part-0', sound.fill(0xff, 4, 40))
  const damaged = await run('transfer', 'hive:fixtures.plain', 'lake:sales.plain')
  expect([damaged.code, damaged.stderr]).toEqual([1, expect.stringMatching(/File ".*warehouse\/plain\/part-0".*damaged/)])
  expect((await run('query', 'select 1 from sales.plain')).code).not.toBe(0)
  subject.connections(place.dir, ', dialect: spark')
  const mistaken = await run('inspect', 'hive:fixtures.visits')
  expect([mistaken.code, mistaken.stderr]).toEqual([2, expect.stringContaining('Set "dialect: hive"')])
})

test('what cannot be carried is said with the cure: other kinds of tables, names, places without a connection, writing', async () => {
  await using subject = await opened((sql) => {
    if (sql === 'SHOW DATABASES') return rowsAnswer(['n string'], [['fixtures']])
    return sql.startsWith('SHOW TABLES') ? rowsAnswer(['n string'], [['visits'], ['plain']]) : undefined
  })
  const { run, place } = subject
  const said = async (...argv: readonly string[]) => {
    const { code, stderr } = await run(...argv)
    return [code, stderr]
  }
  expect(await said('transfer', 'hive:fixtures.acid', 'lake:acid')).toEqual([1, expect.stringContaining('is a full-ACID table')])
  expect(await said('inspect', 'hvie:fixtures.visits')).toEqual([2, expect.stringContaining('did you mean "hive"')])
  expect(await said('inspect', 'nothing.orc')).toEqual([2, expect.stringContaining('"nothing.orc" is no file here')])
  expect(await said('inspect', 'hive:fixtures.visit')).toEqual([1, expect.stringContaining('did you mean "fixtures.visits"')])
  expect(await said('transfer', 'hive:a.b.c', 'lake:x')).toEqual([2, expect.stringContaining('expected table or schema.table')])
  expect(await said('inspect', 'duckdb:x')).toEqual([2, expect.stringContaining('duckdb')])
  expect(
    await said('transfer', `file:${place.path('warehouse/plain/part-0')}`, 'hive:fixtures.x', '--file-format', 'parquet'),
  ).toEqual([1, expect.stringContaining('are not written by transfer')])
  subject.connections(place.path('other'))
  expect(await said('inspect', 'hive:fixtures.plain')).toEqual([2, expect.stringContaining('add one to connections.yaml')])
  subject.connections(place.dir, ', store: lake')
  expect(await said('inspect', 'hive:fixtures.plain')).toEqual([
    2,
    expect.stringContaining('"store: lake" of connection "hive" does not cover'),
  ])
  subject.connections(place.dir, ', store: nobody')
  expect(await said('inspect', 'hive:fixtures.plain')).toEqual([2, expect.stringContaining('store: nobody: expected')])
  subject.connections(place.dir, ', store: files')
  expect(await run('inspect', 'hive:fixtures.plain')).toMatchObject({ code: 0 })
})
