/** A registration that changes everything that can change, killed at its statements. I/O on an account. */
import { expect } from 'vitest'
import type { TableName } from '../../../connectors/change.ts'
import type { TableRegistration } from '../../../connectors/ports.ts'
import { lakeRow } from '../../support/lake-files.ts'
import { queryRows } from '../../support/query-rows.ts'
import { column, cut, ID, row, STATUS, schemaOf, warehouseTables } from '../../support/warehouse-tables.ts'
import { type CountedClient, type Death, failingClient } from './failing-client.ts'
import type { SnowflakeSubject } from './warehouse-subject.ts'

const signal = new AbortController().signal
const LOAN = schemaOf([ID, STATUS])
const WIDE = schemaOf([ID, STATUS, column(3, 'amount', { kind: 'decimal', precision: 12, scale: 2 })], { version: 2 })
const BAG = schemaOf([ID, STATUS], { table: 'public.event' as TableName, key: [], identity: 'full' })
const CARD = schemaOf([ID, STATUS], { table: 'public.card' as TableName })
const CLIENT = schemaOf([ID, STATUS], { table: 'public.client' as TableName })

const BEFORE = { loan: ['1 | x'], event: ['1 | e'] }
const AFTER = { loan: ['1 | x', '3 | n'], event: ['1 | e', '9 | z'], client: ['5 | k'] }

const base = (id: number, status: string) => lakeRow('r', cut(10), { id: BigInt(id), status })
const change = (op: 'c' | 'u' | 'd', position: number, id: number, status: string | null = null) =>
  lakeRow(op, row(position), { id: BigInt(id), status })

/**
 * After each death every relation shows one state or the other; a repeat makes it right, and what is left over is gone with the
 * registration after that. `taken` chooses statements by their number. Answers how many deaths there were.
 */
export async function killRegistrations(subject: SnowflakeSubject, taken: (statement: number) => boolean): Promise<number> {
  const { table, file, request } = warehouseTables(() => subject)
  const mortal = async (death: Death | null) => {
    const clients: CountedClient[] = []
    const warehouse = await subject.wrapped((each) => {
      const client = failingClient(each, death)
      clients.push(client)
      return client
    })
    return { warehouse, ran: () => clients.flatMap((client) => client.ran) }
  }
  const states = async (): Promise<readonly (readonly TableRegistration[])[]> => {
    const loan = await table('loan', LOAN, {
      base: [[base(1, 'a'), base(2, 'b')]],
      changes: [[change('u', 11, 1, 'x')], [change('d', 12, 2)]],
    })
    const event = await table('event', BAG, {
      base: [[base(1, 'e')]],
      changes: [[change('c', 11, 1, 'e')], [change('d', 12, 1, 'e')]],
    })
    const card = await table('card', CARD, { base: [[base(7, 'c')]] })
    const client = await table('client', CLIENT, { base: [[base(5, 'k')]] })
    const merged = await file(LOAN, 'changes', [change('u', 11, 1, 'x'), change('d', 12, 2)])
    const young = await file(WIDE, 'changes', [lakeRow('c', row(13), { id: 3n, status: 'n', amount: 150n })])
    const renewed = await file(WIDE, 'base', [lakeRow('u', row(11), { id: 1n, status: 'x', amount: null })])
    const events = await file(BAG, 'changes', [change('c', 11, 1, 'e'), change('d', 12, 1, 'e'), change('c', 13, 9, 'z')])
    const shown = { boundary: cut(12), files: [renewed], recent: [young] }
    return [
      [card, event, loan],
      [client, { ...event, changes: [events] }, { ...loan, schema: WIDE, changes: [merged, young], renewed: shown }],
    ]
  }
  const [before = [], after = []] = await states()
  const read = async (schema: string, relation: string) =>
    await queryRows(subject.warehouse, `select id, status from ${schema}.${relation}`)

  const whole = await mortal(null)
  await whole.warehouse.register(request(before, { schema: 'k0' }), signal)
  const first = whole.ran().length
  await whole.warehouse.register(request(after, { schema: 'k0' }), signal)
  const statements = whole.ran().slice(first)
  expect(statements.length).toBeGreaterThan(20)

  let deaths = 0
  for (const [index, sql] of statements.entries()) {
    // Questions change nothing: to die before one is to die after the statement before it.
    if (/^(SHOW|DESCRIBE)/.test(sql) || !taken(index)) continue
    deaths++
    const death: Death = { at: index + 1, when: index % 2 === 0 ? 'before' : 'after' }
    const said = `${death.when} ${sql}`
    const schema = `k${deaths}`
    await subject.warehouse.register(request(before, { schema }), signal)
    const next = request(after, { schema })
    await expect((await mortal(death)).warehouse.register(next, signal)).rejects.toThrow('killed')
    for (const relation of ['loan', 'event'] as const) {
      expect([BEFORE[relation], AFTER[relation]], said).toContainEqual(await read(schema, relation))
    }
    const { warehouse } = await mortal(null)
    await warehouse.register(next, signal)
    for (const [relation, rows] of Object.entries(AFTER)) expect(await read(schema, relation), said).toEqual(rows)
    await expect(read(schema, 'card'), said).rejects.toMatchObject({ code: 'STATEMENT' })
    const history = await queryRows(warehouse, `select _op, id from ${schema}.loan_changes`)
    expect(history, said).toEqual(['c | 3', 'd | 2', 'r | 1', 'r | 2', 'u | 1'])
    // What was retired goes with the registration after it.
    await warehouse.register(request(after, { schema }), signal)
    expect(await subject.account.rows(`SHOW EXTERNAL TABLES IN SCHEMA ${schema.toUpperCase()}`), said).toHaveLength(6)
    await warehouse.remove({ integration: 'loans', schema, dryRun: false }, signal)
    await subject.account.rows(`DROP SCHEMA IF EXISTS ${schema}`)
  }
  return deaths
}
