/** `link` watched and killed at every statement: rows that stay are never missed, and the next one does the rest and proves it. */
import { expect, test } from 'vitest'
import type { ForeignTable } from '../../../connectors/manifest.ts'
import { openSnowflakeClient, type SnowflakeClient } from '../../../connectors/snowflake/client.ts'
import { linkTable } from '../../../connectors/snowflake/foreign/link.ts'
import { snowflakeOptions } from '../../../connectors/snowflake/options.ts'
import { directoryLayout } from '../../../integrations/transfer/foreign/directory-layout.ts'
import { findFiles } from '../../../integrations/transfer/foreign/manifest.ts'
import { batchOf } from '../../contracts/table-rows.ts'
import { writeParquet } from '../../support/parquet-files.ts'
import { accountEnvironment, openTestAccount, type TestAccount } from '../../support/snowflake-account.ts'
import { type Death, failingClient } from './failing-client.ts'

const signal = new AbortController().signal

async function manifest(store: TestAccount['store'], prefix: string): Promise<ForeignTable> {
  const layout = await directoryLayout({ store, prefix }, signal)
  const root = store.address('')
  return (
    await findFiles(layout, async (location) => ({ store, prefix: `${location.slice(root.length).replace(/\/$/, '')}/` }), signal)
  ).table
}

async function put(store: TestAccount['store'], key: string, id: bigint): Promise<void> {
  const rows = batchOf([[id]], [{ name: 'id', type: { kind: 'int64' }, sourceType: '', nullable: true }])
  await store.putIfAbsent(key, (await writeParquet(rows.schema, [rows])).bytes)
}

test('partitions that gain files, come and go: another session never misses a row that stays', async () => {
  await using account = await openTestAccount()
  const { store, schema, database, client } = account
  const { stage } = snowflakeOptions.parse(account.connection)
  for (const key of ['dt=1/a', 'dt=2/a', 'dt=3/a', 'dt=3/b']) await put(store, `t/${key}`, BigInt(key.slice(3, 4)))
  const seen: string[][] = []
  await using reader = await openSnowflakeClient(
    snowflakeOptions.parse(account.connection),
    accountEnvironment('.'),
    { integration: 'reader', run: '1' },
    signal,
  )
  const observed: SnowflakeClient = {
    ...client,
    run: async (sql, request) => {
      const answer = await client.run(sql, request)
      if (!/ PARTITION |^COMMIT/.test(sql)) return answer
      const read = `SELECT id FROM ${database}.${schema}.t ORDER BY id`
      seen.push(
        await reader.run(read, { signal, repeatable: true }).then(
          ({ rows }) => rows.flat().map(String),
          () => [],
        ),
      )
      return answer
    },
  }
  const link = async () => {
    const table = await manifest(store, 't/')
    const as = { database, schema, name: 't' }
    return await linkTable(observed, stage, { table, as, replace: false, dryRun: false }, signal)
  }
  await link()
  expect(seen.at(-1)).toEqual(['1', '2', '3', '3'])
  await put(store, 't/dt=1/b', 11n)
  await put(store, 't/dt=4/a', 4n)
  await store.delete(['t/dt=2/a'])
  seen.length = 0
  const { statements } = await link()
  expect(
    statements.filter((sql) => sql.includes(' PARTITION ')).map((sql) => / (ADD|DROP) .*(dt=\d)/.exec(sql)?.slice(1)),
  ).toEqual([
    ['ADD', 'dt=1'],
    ['ADD', 'dt=4'],
    ['DROP', 'dt=2'],
  ])
  expect(seen.filter((ids) => !['1', '3'].every((id) => ids.includes(id)))).toEqual([])
  expect(seen.at(-1)).toEqual(['1', '3', '3', '4', '11'])
  // One that lost a file is taken away for as long as a statement takes.
  await store.delete(['t/dt=3/b'])
  seen.length = 0
  await link()
  expect(seen.filter((ids) => !['1', '4', '11'].every((id) => ids.includes(id)))).toEqual([])
  expect(seen.filter((ids) => !ids.includes('3')).length).toBeLessThanOrEqual(1)
  expect(seen.at(-1)).toEqual(['1', '3', '4', '11'])
})

test.each(['before', 'after'] as const)('the process dies %s a statement takes effect', { timeout: 120_000 }, async (when) => {
  await using account = await openTestAccount()
  const { store, schema, database } = account
  const { stage } = snowflakeOptions.parse(account.connection)
  await put(store, 'one/a', 1n)
  await put(store, 'one/b', 2n)
  await put(store, 'two/b', 2n)
  await put(store, 'two/c', 3n)
  const [before, after] = [await manifest(store, 'one/'), await manifest(store, 'two/')]
  const link = async (table: ForeignTable, name: string, death: Death | null) => {
    const client = failingClient(account.client, death)
    const as = { database, schema, name }
    const outcome = await linkTable(client, stage, { table, as, replace: false, dryRun: false }, signal).catch(() => null)
    return { outcome, ran: client.ran.length }
  }
  const shown = async (name: string) => (await account.rows(`SELECT id FROM ${schema}.${name} ORDER BY id`)).flat()

  await link(before, 'whole', null)
  const { ran } = await link(after, 'whole', null)
  expect(await shown('whole')).toEqual(['2', '3'])
  for (let at = 1; at <= ran; at++) {
    const name = `t${at}`
    await link(before, name, null)
    const { outcome } = await link(after, name, { at, when })
    expect(outcome).toBeNull()
    // The session of a process that died ends, and its transaction with it.
    await account.client.run('ROLLBACK', { signal, repeatable: true })
    // Rows of either state, never less than both have.
    expect(await shown(name)).toContain('2')
    expect((await link(after, name, null)).outcome).not.toBeNull()
    expect(await shown(name)).toEqual(['2', '3'])
    const again = await link(after, name, null)
    expect([again.outcome?.filesAdded, again.outcome?.filesRemoved]).toEqual([0, 0])
  }
})
