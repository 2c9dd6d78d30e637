/** External tables over files that pyarrow wrote: every type, nested ones as VARIANT, columns without names. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { stringify } from 'yaml'
import { portage } from '../support/command-line.ts'
import { python } from '../support/python.ts'
import { type Scratch, scratch } from '../support/scratch.ts'
import { openTestAccount, type TestAccount } from '../support/snowflake-account.ts'

let account: TestAccount
let place: Scratch
let written: { readonly tags: readonly unknown[]; readonly place: readonly unknown[] }

beforeAll(async () => {
  account = await openTestAccount()
  place = scratch({
    'config/connections.yaml': stringify({
      snow: { connector: 'snowflake', ...account.connection },
      files: { connector: 's3', ...account.lake },
    }),
  })
  const { stdout } = await python(join(import.meta.dirname, 'snowflake', 'write_files.py'), [place.dir])
  written = JSON.parse(stdout)
}, 300_000)
afterAll(async () => {
  place?.[Symbol.dispose]()
  await account?.[Symbol.asyncDispose]()
})

async function link(file: string, table: string) {
  await account.store.putIfAbsent(`${table}/${file}`, readFileSync(place.path(file)))
  const from = account.store.address(`${table}/`)
  const to = `snow:${account.schema}.${table}`
  return portage(['link', from, to, '--config', place.path('config'), '--state', place.path('state')])
}

test.each(['flat.parquet', 'flat.orc'])('every type of %s', async (file) => {
  const table = file.replace('.', '_')
  expect(await link(file, table)).toMatchObject({ code: 0 })
  const from = `FROM ${account.schema}.${table} ORDER BY id`
  expect(
    await account.rows(
      `SELECT id, small, ratio = 0.5, amount, word, flag, TO_VARCHAR(day, 'YYYY-MM-DD'), TO_VARCHAR(seen, 'YYYY-MM-DD HH24:MI:SS.FF6'), HEX_ENCODE(bytes) ${from}`,
    ),
  ).toEqual([
    ['1', '-128', 'true', '-1.10', 'ü, \\N', 'true', '1582-10-04', '1969-12-31 23:59:58.500000', '00FF'],
    ['2', '127', 'false', '9999999999.99', '', 'false', '9999-12-31', '2026-02-28 01:02:03.456789', ''],
    ['3', null, null, null, null, null, null, null, null],
  ])
  const nested = await account.rows(`SELECT TO_JSON(tags), place:City::VARCHAR, place:zip::NUMBER ${from}`)
  expect(nested.map(([tags, city, zip]) => [tags === null ? null : JSON.parse(tags ?? ''), city, zip])).toEqual(
    written.tags.map((tags, index) => {
      const found = written.place[index] as { readonly City: string | null; readonly zip: number } | null
      return [tags, found?.City ?? null, found === null ? null : String(found.zip)]
    }),
  )
})

test.each(['int96.parquet', 'unnamed.parquet', 'unnamed.orc'])('%s', async (file) => {
  const table = file.replace('.', '_')
  expect(await link(file, table)).toMatchObject({ code: 0 })
  const [id, seen, word] = file.startsWith('unnamed') ? ['_col0', '_col1', '_col2'] : ['id', 'seen', 'word']
  expect(
    await account.rows(
      `SELECT ${id}, TO_VARCHAR(${seen}, 'YYYY-MM-DD HH24:MI:SS.FF6'), ${word} FROM ${account.schema}.${table} ORDER BY 1`,
    ),
  ).toEqual([
    ['1', '1969-12-31 23:59:58.500000', 'ü, \\N'],
    ['2', '2026-02-28 01:02:03.456789', ''],
    ['3', null, null],
  ])
})
