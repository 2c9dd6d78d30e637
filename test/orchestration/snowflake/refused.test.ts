/** A table that Snowflake cannot hold keeps no other back: by commands, until the cure. */
import { expect, test } from 'vitest'
import { snowflakePlace } from './place.ts'

test('38 digits behind the point: the other tables are shown, every command says which is not and why, the cure shows it', async () => {
  await using at = await snowflakePlace()
  const { account, database, run } = at
  const shown = async (table: string) =>
    (await account.rows(`SELECT * FROM ${account.schema}.${table} ORDER BY 1`)).map((row) => row.join(' '))
  const share = `0.${'1'.repeat(38)}`
  await database.query(`create table client (id bigint primary key); insert into client values (1);
    create table share (id bigint primary key, share numeric(38,38)); insert into share values (1, ${share})`)
  const said =
    'public.share is REFUSED by snow, not shown: Column "share" of "public.share" is decimal(38,38); Snowflake holds at most 37'
  expect(await run('run', 'loans', '--until-current')).toMatchObject({ code: 1, stderr: expect.stringContaining(said) })
  expect(await shown('client')).toEqual(['1'])
  await expect(shown('share')).rejects.toThrow('does not exist')

  await database.query('insert into client values (2)')
  expect(await run('run', 'loans', '--until-current')).toMatchObject({ code: 1, stderr: expect.stringContaining(said) })
  expect(await shown('client')).toEqual(['1', '2'])
  expect(await run('register', 'loans')).toMatchObject({ code: 1, stderr: expect.stringContaining(said) })
  for (const command of ['status', 'plan']) {
    expect((await run(command, 'loans')).stdout).toContain('public.share is kept back in snow: Column "share"')
  }

  at.configure({ columns: { 'public.share.share': { type: 'text' } } })
  expect(await run('run', 'loans', '--until-current')).toMatchObject({ code: 0 })
  expect(await shown('share')).toEqual([`1 ${share}`])
  expect(await run('status', 'loans')).toMatchObject({ code: 0, stdout: expect.not.stringContaining('kept back') })

  // One that is shown already stays as it was.
  await database.query(`alter table client add column extra numeric(38,38); insert into client values (3, 0.5);
    insert into share values (2, ${share})`)
  const late = await run('run', 'loans', '--until-current')
  expect([late.code, late.stderr]).toEqual([1, expect.stringContaining('public.client is REFUSED by snow, shown as before')])
  expect([await shown('client'), await shown('share')]).toEqual([
    ['1', '2'],
    [`1 ${share}`, `2 ${share}`],
  ])
  expect(await run('register', 'loans')).toMatchObject({ code: 1, stdout: expect.stringContaining('1 table refused') })
  expect(await run('vacuum', 'loans', '--grace', '0s')).toMatchObject({ code: 0 })
  expect(await shown('client')).toEqual(['1', '2'])
  at.configure({ columns: { 'public.*.*': { type: 'text' } } })
  expect(await run('run', 'loans', '--until-current')).toMatchObject({ code: 0 })
  expect(await shown('client')).toEqual(['1 ', '2 ', `3 0.5${'0'.repeat(37)}`])
}, 120_000)
