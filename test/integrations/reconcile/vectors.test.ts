/** Golden vectors: the checksum of the same rows by the definition, by our reader, by PostgreSQL and by DuckDB; the SQL of the others. */
import { writeFileSync } from 'node:fs'
import { DuckDBInstance } from '@duckdb/node-api'
import { expect, test } from 'vitest'
import { openMemoryStore } from '../../../connectors/memory/store.ts'
import type { FileEntry } from '../../../integrations/land/log/commit.ts'
import { storedGroups } from '../../../integrations/read/stored-groups.ts'
import { storedCells } from '../../../integrations/reconcile/cells.ts'
import {
  type ChecksumEngine,
  checksumSql,
  fieldSql,
  floatsSql,
  printsSql,
  rowsSql,
} from '../../../integrations/reconcile/checksum-sql.ts'
import type { ComparedTable } from '../../../integrations/reconcile/compared-table.ts'
import { KeyDigest } from '../../../integrations/reconcile/row-sink.ts'
import { RowText } from '../../../integrations/reconcile/row-text.ts'
import { EVERY_KEY, sumRows } from '../../../integrations/reconcile/sinks.ts'
import { VECTOR_COLUMNS, vectorColumns, vectorFile, vectorSums, vectors } from '../../support/checksum-vectors.ts'
import { sharedPostgres } from '../../support/postgres.ts'
import { openTestSource } from '../../support/postgres-source.ts'
import { scratch } from '../../support/scratch.ts'

const signal = () => AbortSignal.timeout(60_000)

test('the vectors are on record for connectors to come', async () => {
  const record = { columns: VECTOR_COLUMNS.map(({ name, type }) => ({ name, type })), vectors: vectors(), sums: vectorSums() }
  await expect(`${JSON.stringify(record, null, 1)}\n`).toMatchFileSnapshot('../../golden/reconcile/vectors.json')
})

test('our reader comes to the vectors', async () => {
  const bytes = await vectorFile()
  const store = openMemoryStore({ now: () => new Date() })
  await store.putIfAbsent('f', bytes)
  const columns = VECTOR_COLUMNS.map(({ name, type }, id) => ({
    id,
    name,
    physical: name,
    type,
    initial: undefined,
    float: false,
    masked: false,
  }))
  const compared = { columns, key: [0], bag: false } as unknown as ComparedTable
  const { sink, result } = sumRows(compared, { lists: [{ indexes: columns.map((_, i) => i) }], digits: 1, wanted: EVERY_KEY })
  const names = columns.map(({ name }) => name)
  const file = { key: 'f', size: bytes.length, format: 'parquet' } as unknown as FileEntry
  for await (const group of storedGroups(store, file, names, signal())) {
    const cells = columns.flatMap(({ physical, type }) => {
      const column = group.column(physical)
      return column === null ? [] : [storedCells(type, column)]
    })
    const key = new KeyDigest([0])
    const seen = { cells, file: null, unchanged: () => null, isLate: () => false }
    for (let row = 0; row < group.rows; row++) sink(seen, row, key.of(cells, row), 1)
  }
  const [sums = new Map()] = result().sums
  expect([...sums].map(([bucket, { rows, sum }]) => [bucket, String(rows), String(sum)])).toEqual(vectorSums())
})

test('DuckDB comes to the vectors', async () => {
  using root = scratch()
  writeFileSync(root.path('f.parquet'), await vectorFile())
  const instance = await DuckDBInstance.create(':memory:')
  const connection = await instance.connect()
  await connection.run(`set TimeZone = 'America/New_York'`)
  const columns = vectorColumns('"', (value) => `timezone('UTC', ${value})`)
  const from = `read_parquet('${root.path('f.parquet')}') t`
  const query = { from, columns, key: columns.slice(0, 1), digits: 1, prefixes: null }
  const found = (await connection.runAndReadAll(checksumSql('duckdb', query))).getRowsJson()
  expect(found.toSorted()).toEqual(vectorSums())
  const rows = (await connection.runAndReadAll(rowsSql('duckdb', query))).getRowsJson()
  expect(rows.map(([key, ...fields]) => ({ row: fields.join('\u001f'), key }))).toEqual(
    vectors().map(({ row, key }) => ({ row, key })),
  )
  const prints = (await connection.runAndReadAll(printsSql('duckdb', query))).getRowsJson()
  expect(prints).toEqual(vectors().map(({ key, md5 }) => [key, md5.slice(0, 15)]))
  connection.closeSync()
  instance.closeSync()
})

test('PostgreSQL comes to the vectors', async () => {
  await using database = await (await sharedPostgres()).createDatabase()
  await database.query(
    `create table public.vector (${VECTOR_COLUMNS.map(({ name, postgres }, i) => `"${name}" ${postgres}${i === 0 ? ' primary key' : ''}`).join(', ')})`,
  )
  for (let row = 0; row < 6; row++) {
    const values = VECTOR_COLUMNS.map(({ values: texts, type }) => {
      const text = texts[row] ?? null
      return text !== null && type.kind === 'binary'
        ? `\\x${text}`
        : text !== null && type.kind === 'timestamp' && type.utc
          ? `${text}+00`
          : text
    })
    const places = VECTOR_COLUMNS.map(({ postgres }, i) => `$${i + 1}::text::${postgres}`).join(', ')
    await database.query(`insert into public.vector values (${places})`, values)
  }
  await using source = openTestSource(database.url)
  const { tables } = await source.prepare({ from: null, identity: null, epoch: 1, takeOver: false }, signal(), () => {})
  const [table] = tables
  if (table === undefined) throw new Error('no table')
  await using snapshot = await source.holdSnapshot(signal(), () => {})
  const [chunk] = await source.planChunks(table, signal())
  if (chunk === undefined) throw new Error('no chunk')
  const columns = table.columns.map(({ id }) => id)
  const sums = await source.checksum({ table, chunk, token: snapshot.token, columns, key: table.key, digits: 1 }, signal())
  expect([...(sums ?? [])].map(([bucket, { rows, sum }]) => [bucket, String(rows), String(sum)]).toSorted()).toEqual(vectorSums())
})

const QUOTES: Readonly<Record<ChecksumEngine, string>> = { duckdb: '"', snowflake: '"', hive: '`', spark: '`' }

test.each(['duckdb', 'snowflake', 'hive', 'spark'] as const)('the SQL for %s is the golden one', async (engine) => {
  const columns = vectorColumns(QUOTES[engine])
  const query = { from: 'vector t', columns, key: columns.slice(0, 1), digits: 1, prefixes: ['0', 'f'] }
  const [id] = columns
  const statements = [
    checksumSql(engine, query),
    printsSql(engine, query),
    rowsSql(engine, query),
    floatsSql(engine, 'vector t', [id?.expression ?? '']),
  ]
  await expect(`${statements.join(';\n\n')};\n`).toMatchFileSnapshot(`../../golden/reconcile/${engine}.sql`)
})

test.each([
  ['float64', 8, 'double'],
  ['float32', 4, 'float'],
] as const)('DuckDB tells a %s by its bits, as our reader does', async (kind, width, sqlType) => {
  const numbers = [
    0,
    -0,
    1.5,
    -1.5,
    Math.fround(1 / 3),
    Number.NaN,
    Number.POSITIVE_INFINITY,
    Number.NEGATIVE_INFINITY,
    -1e-40,
    3e38,
  ]
  const out = new RowText()
  const expected = numbers.map((number) => {
    out.reset()
    out.float(number, width)
    return Buffer.from(out.bytes.subarray(0, out.length)).toString()
  })
  const instance = await DuckDBInstance.create(':memory:')
  const connection = await instance.connect()
  const field = fieldSql('duckdb', { expression: 'v', type: { kind } })
  const list = [...numbers.map((number) => (Object.is(number, -0) ? "'-0'" : `'${number}'`)), 'null'].join(', ')
  const rows = (
    await connection.runAndReadAll(`select ${field} from (select unnest([${list}]::${sqlType}[]) as v)`)
  ).getRowsJson()
  expect(rows.map(([text]) => text)).toEqual([...expected, '\\N'])
  connection.closeSync()
  instance.closeSync()
})
