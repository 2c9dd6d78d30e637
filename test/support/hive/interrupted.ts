/** A registration that ends before or after any of its statements, and what is seen between them: the old rows or the new ones. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { TableName } from '../../../connectors/change.ts'
import { ConnectorError } from '../../../connectors/errors.ts'
import type { HiveClient } from '../../../connectors/hive/client/client.ts'
import { hiveWarehouse } from '../../../connectors/hive/warehouse.ts'
import type { ObjectStore, RegisterRequest, TableRegistration, Warehouse } from '../../../connectors/ports.ts'
import { lakeRow } from '../lake-files.ts'
import { queryRows } from '../query-rows.ts'
import { column, cut, ID, row, STATUS, schemaOf, type WarehouseSubject, warehouseTables } from '../warehouse-tables.ts'
import { projected } from './projected.ts'

export type InterruptedSubject = AsyncDisposable & {
  readonly dialect: 'hive' | 'spark'
  readonly store: ObjectStore
  readonly format: 'orc' | 'parquet'
  readonly client: HiveClient
  /** Look at the rows after every statement, not only after the last one. */
  readonly always: boolean
  /** Strike every so many statements. Default: each. */
  readonly stride?: number
}

const signal = new AbortController().signal
const RELATIONS = ['loan', 'loan_changes', 'visit', 'visit_changes'] as const
const NOTHING: HiveClient['statement'] = async () => {}

export function interruptedSuite(name: string, open: () => Promise<InterruptedSubject>): void {
  describe(`a registration in ${name} that is interrupted`, () => {
    let subject: InterruptedSubject
    let first: readonly TableRegistration[]
    let second: readonly TableRegistration[]
    let ask: (tables: readonly TableRegistration[], commit: number, schema: string) => RegisterRequest
    const over = (client: HiveClient): Warehouse => {
      const settings = { dialect: subject.dialect, host: 'localhost', port: 10_000, s3_scheme: 's3a', proof: true } as const
      return projected(hiveWarehouse(client, settings), subject.store, subject.format)
    }

    beforeAll(async () => {
      subject = await open()
      const warehouse = over(subject.client)
      const { store } = subject
      const made: WarehouseSubject = { warehouse, store, reopen: async () => warehouse, [Symbol.asyncDispose]: async () => {} }
      const { table, request, file } = warehouseTables(() => made)
      const schema = schemaOf([ID, STATUS])
      const bag = { ...schema, table: 'public.visit' as TableName, id: '2', key: [], identity: 'full' } as const
      const change = (op: 'c' | 'd' | 'u', at: number, id: number, status: string) =>
        lakeRow(op, row(at), { id: BigInt(id), status })
      const loan = await table('loan', schema, {
        base: [[lakeRow('r', cut(10), { id: 1n, status: 'a' }), lakeRow('r', cut(10), { id: 2n, status: 'b' })]],
        changes: [[change('u', 11, 1, 'b')]],
      })
      const visit = await table('visit', bag, {
        base: [[lakeRow('r', cut(10), { id: 7n, status: 'x' }), lakeRow('r', cut(10), { id: 7n, status: 'x' })]],
        changes: [[change('c', 11, 7, 'x')]],
      })
      const gone = { ...schema, table: 'public.card' as TableName, id: '3' }
      const card = await table('card', gone, { base: [[lakeRow('r', cut(10), { id: 5n, status: 'k' })]] })
      first = [card, loan, visit]
      const wide = schemaOf([ID, STATUS, column(3, 'note', { kind: 'utf8', format: 'text' })], { version: 2 })
      const loans = await file(wide, 'changes', [change('d', 12, 2, ''), change('c', 13, 3, 'c')])
      const visits = await file(bag, 'changes', [change('d', 12, 7, 'x'), change('c', 13, 8, 'y')])
      const standing = [lakeRow('c', row(11), { id: 7n, status: 'x' }), lakeRow('r', cut(10), { id: 7n, status: 'x' })]
      const renewed = { boundary: row(12), files: [await file(bag, 'base', standing)], recent: [visits] }
      const again = [lakeRow('r', cut(10), { id: 1n, status: 'a' }), lakeRow('r', cut(10), { id: 2n, status: 'b' })]
      second = [
        { ...loan, schema: wide, base: [await file(wide, 'base', again)], changes: [...loan.changes, loans] },
        { ...visit, changes: [...visit.changes, visits], renewed },
      ]
      ask = (tables, commit, database) => request(tables, { commit, schema: database })
    })
    afterAll(() => subject[Symbol.asyncDispose]())

    const seen = async (schema: string): Promise<readonly string[]> => {
      const found: string[] = []
      for (const relation of RELATIONS) {
        found.push((await queryRows(over(subject.client), `select * from ${schema}.${relation}`)).join('\n'))
      }
      return found
    }

    /** The same connection, told of every statement that changes something. */
    const heard = (before: HiveClient['statement'], after: HiveClient['statement']): HiveClient => ({
      ...subject.client,
      statement: async (sql, abort) => {
        await before(sql, abort)
        await subject.client.statement(sql, abort)
        await after(sql, abort)
      },
    })

    test('shows old rows or new ones at every moment, and is right when it is repeated', { timeout: 1_800_000 }, async () => {
      const whole = 'whole'
      await over(subject.client).register(ask(first, 1, whole), signal)
      const old = await seen(whole)
      let count = 0
      const counted = heard(NOTHING, async () => {
        count += 1
      })
      await over(counted).register(ask(second, 2, whole), signal)
      const now = await seen(whole)
      expect(now[0]).toBe('1 | b | ␀\n3 | c | ␀')
      expect(now[2]).toBe('7 | x\n7 | x\n8 | y')
      expect(count).toBeGreaterThan(12)
      const left = await tables(whole)
      expect(left.filter((name) => name.includes('card'))).toEqual([])
      const either = (rows: readonly string[]): void => {
        for (const [index, relation] of rows.entries()) expect([old[index], now[index]]).toContain(relation)
      }
      for (let index = 0; index < count; index += subject.stride ?? 1) {
        for (const moment of ['before', 'after'] as const) {
          const schema = `${moment}_${index}`
          await over(subject.client).register(ask(first, 1, schema), signal)
          let calls = 0
          const strike: HiveClient['statement'] = async () => {
            if (moment === 'after' && subject.always) either(await seen(schema))
            if (calls++ === index) throw new ConnectorError('CONNECTION', 'the connection is lost')
          }
          const dying = moment === 'before' ? heard(strike, NOTHING) : heard(NOTHING, strike)
          await expect(over(dying).register(ask(second, 2, schema), signal)).rejects.toMatchObject({ code: 'CONNECTION' })
          either(await seen(schema))
          // The log went on meanwhile, or not.
          const commit = index % 2 === 0 ? 2 : 3
          await over(subject.client).register(ask(second, commit, schema), signal)
          expect(await seen(schema)).toEqual(now)
          expect(await tables(schema)).toEqual(left)
          const known = await over(subject.client).registered('loans', schema, signal)
          expect(known?.commit).toBe(commit)
          // What was to be dropped last is dropped when the table changes next, or by a repair.
          await over(subject.client).register(ask(second, commit, schema), signal)
          expect(await partitions(schema)).toEqual(shownDirectories(known?.projected))
        }
      }
    })

    const tables = async (schema: string): Promise<readonly string[]> =>
      (await queryRows(over(subject.client), `show tables in ${schema}`)).map((line) => line.replace(schema, '')).toSorted()

    const partitions = async (schema: string): Promise<readonly string[]> => {
      const relations = await over(subject.client).describe('loans', schema, signal)
      return relations.flatMap(({ stored }) => stored?.directories ?? []).toSorted()
    }
  })
}

const shownDirectories = (states: ReadonlyMap<string, string> | undefined): readonly string[] =>
  [...(states?.values() ?? [])]
    .flatMap((state) => [...state.matchAll(/"((?:base|renewed|changes)-\d+-[0-9a-f]+)"/g)].map(([, name]) => name ?? ''))
    .toSorted()
