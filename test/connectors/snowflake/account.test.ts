/** What an account answers to questions: pages, absent schemas, paths in several spellings. */
import { expect, test } from 'vitest'
import {
  fromBucketRoot,
  readExternalTables,
  readViews,
  refuseForeign,
  registeredFiles,
} from '../../../connectors/snowflake/account.ts'
import { refusal, scriptedClient } from './scripted-client.ts'

const signal = new AbortController().signal
const PLACE = { bucket: 'bank', path: 'lake/' }

test('a schema of more than ten thousand views is read page by page', async () => {
  const view = (index: number) => ({ name: `V${String(index).padStart(6, '0')}`, comment: null, text: '' })
  const all = Array.from({ length: 10_001 }, (_, index) => view(index))
  const client = scriptedClient([
    [/^SHOW VIEWS IN SCHEMA "RAW" LIMIT 10000 FROM 'V009999'$/, all.slice(10_000)],
    [/^SHOW VIEWS IN SCHEMA "RAW"$/, all.slice(0, 10_000)],
  ])
  const { owners, own } = await readViews(client, 'raw', 'loans', signal)
  expect([owners.size, own]).toEqual([10_001, null])
  expect(client.ran).toHaveLength(2)
})

test('a schema that is not there holds nothing; any other refusal is passed on', async () => {
  expect(await readExternalTables(scriptedClient([[/./, refusal('002043', '02000')]]), 'raw', signal)).toEqual([])
  const denied = scriptedClient([[/./, refusal('003001', '42501', 'PRIVILEGE')]])
  await expect(readExternalTables(denied, 'raw', signal)).rejects.toMatchObject({ code: 'PRIVILEGE' })
})

test('files of the registry, however an account spells their paths; no table, no list', async () => {
  for (const spelt of ['s3://bank/lake/raw/a.parquet', 'lake/raw/a.parquet', '/lake/raw/a.parquet', 'raw/a.parquet']) {
    expect(fromBucketRoot(spelt, PLACE)).toBe('lake/raw/a.parquet')
  }
  const listed = scriptedClient([[/EXTERNAL_TABLE_FILES\(TABLE_NAME => '"RAW"\."T"'\)/, [{ FILE_NAME: 'lake/raw/a.parquet' }]]])
  expect([...((await registeredFiles(listed, '"RAW"."T"', PLACE, signal)) ?? [])]).toEqual(['lake/raw/a.parquet'])
  expect(await registeredFiles(scriptedClient([[/./, refusal('002003', '02000')]]), '"RAW"."T"', PLACE, signal)).toBeNull()
})

test('names of others are refused: another integration, and views that Portage did not make', async () => {
  const comment = 'x {"portage":1,"integration":"cards","table":"public.card"}'
  const client = scriptedClient([
    [
      /^SHOW VIEWS/,
      [
        { name: 'CARD', comment, text: '' },
        { name: 'MINE', comment: 'my own', text: '' },
      ],
    ],
  ])
  const views = await readViews(client, 'raw', 'loans', signal)
  expect(() => refuseForeign(views, 'loans', 'raw', ['card'])).toThrow(/belongs to the integration "cards"/)
  expect(() => refuseForeign(views, 'loans', 'raw', ['mine'])).toThrow(/that Portage did not make/)
  expect(() => refuseForeign(views, 'cards', 'raw', ['card', 'new'])).not.toThrow()
})
