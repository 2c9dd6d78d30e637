/** `link` killed at every statement: the next one brings the table to where it should be, and proves what nobody has counted. */
import { expect, test } from 'vitest'
import type { ForeignTable } from '../../../connectors/manifest.ts'
import { linkTable } from '../../../connectors/snowflake/foreign/link.ts'
import { snowflakeOptions } from '../../../connectors/snowflake/options.ts'
import { directoryLayout } from '../../../integrations/transfer/foreign/directory-layout.ts'
import { findFiles } from '../../../integrations/transfer/foreign/manifest.ts'
import { batchOf } from '../../contracts/table-rows.ts'
import { writeParquet } from '../../support/parquet-files.ts'
import { openTestAccount } from '../../support/snowflake-account.ts'
import { type Death, failingClient } from './failing-client.ts'

const signal = new AbortController().signal

test.each(['before', 'after'] as const)('the process dies %s a statement takes effect', { timeout: 120_000 }, async (when) => {
  await using account = await openTestAccount()
  const { store, schema, database } = account
  const { stage } = snowflakeOptions.parse(account.connection)
  const batch = (id: bigint) => batchOf([[id]], [{ name: 'id', type: { kind: 'int64' }, sourceType: '', nullable: true }])
  const put = async (key: string, id: bigint): Promise<void> => {
    const rows = batch(id)
    await store.putIfAbsent(key, (await writeParquet(rows.schema, [rows])).bytes)
  }
  const manifest = async (prefix: string): Promise<ForeignTable> => {
    const layout = await directoryLayout({ store, prefix }, signal)
    return (await findFiles(layout, async () => ({ store, prefix }), signal)).table
  }
  await put('one/a', 1n)
  await put('one/b', 2n)
  await put('two/b', 2n)
  await put('two/c', 3n)
  const [before, after] = [await manifest('one/'), await manifest('two/')]
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
