/** What is read of the catalogue by several statements, while somebody alters the tables in between. */
import { expect, test } from 'vitest'
import { connect, type Session } from '../../../connectors/postgres/connect.ts'
import { discover } from '../../../connectors/postgres/discover.ts'
import { postgresOptions } from '../../../connectors/postgres/options.ts'
import { readPlannedTables } from '../../../connectors/postgres/planned-table.ts'
import { sharedPostgres } from '../../support/postgres.ts'
import { testScope } from '../../support/postgres-source.ts'

test.each(['discover', 'describe'] as const)('%s: a column whose type nobody else has is dropped in between', async (what) => {
  await using db = await (await sharedPostgres()).createDatabase()
  await db.query('create table public.ledger (id int primary key, kind varchar(5))')
  await using session = await connect(postgresOptions.parse({ url: db.url }), {
    integration: db.name,
    kind: 'sql',
    signal: AbortSignal.timeout(20_000),
  })
  let altered = false
  const altering: Session = {
    ...session,
    rows: async (sql, values, subject) => {
      if (subject?.includes('types') && !altered) {
        altered = true
        await db.query('alter table public.ledger drop column kind')
      }
      return await session.rows(sql, values, subject)
    },
  }
  const scope = testScope(db.name)
  const tables =
    what === 'discover' ? await discover(altering, scope) : (await readPlannedTables(altering, scope)).map(({ source }) => source)
  expect(altered).toBe(true)
  expect(tables.map(({ table, columns }) => [table, columns.map(({ name }) => name)])).toEqual([['public.ledger', ['id']]])
})
