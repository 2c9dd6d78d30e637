/** Warehouse contract: tables that are kept back, and what the warehouse itself says of its relations. */
import { describe, expect, test } from 'vitest'
import type { Column } from '../../connectors/change.ts'
import type { LakeRow } from '../../connectors/memory/warehouse.ts'
import { lakeRow } from '../support/lake-files.ts'
import { queryRows } from '../support/query-rows.ts'
import { column, cut, ID, INT64, row, STATUS, schemaOf, TEXT, type WarehouseTables } from '../support/warehouse-tables.ts'

const signal = new AbortController().signal

export function heldTests({ subject, table, request, name: stored }: WarehouseTables): void {
  describe('tables that are kept back', () => {
    const schema = schemaOf([ID, STATUS])
    const base = [lakeRow('r', cut(10), { id: 1n, status: 'a' }), lakeRow('r', cut(10), { id: 2n, status: 'b' })]
    const change = (op: LakeRow['op'], position: number, id?: bigint, status: string | null = null) =>
      lakeRow(op, row(position), id === undefined ? {} : { id, status })
    const changes = [
      [change('u', 11, 1n, 'before'), change('u', 20, 2n, 'after'), change('d', 21, 1n)],
      [change('c', 22, 3n, 'after'), change('t', 23)],
    ]
    const read = async (name: string): Promise<readonly string[]> => queryRows(subject().warehouse, `select * from raw.${name}`)

    test('rows at or above the position are shown in neither relation, truncates neither; without it all are', async () => {
      const loan = await table('loan', schema, { base: [base], changes })
      await subject().warehouse.register(request([{ ...loan, until: row(20) }]), signal)
      expect(await read('loan')).toEqual(['1 | before', '2 | b'])
      expect((await read('loan_changes')).map((line) => line.slice(0, 1))).toEqual(['r', 'r', 'u'])
      await subject().warehouse.register(request([loan]), signal)
      expect(await read('loan')).toEqual([])
      expect(await read('loan_changes')).toHaveLength(7)
    })

    test('so it is for a base of several positions and for a bag', async () => {
      const later = [...base, lakeRow('r', cut(12), { id: 4n, status: 'd' })]
      const several = await table('loan', schema, { base: [later], changes })
      await subject().warehouse.register(request([{ ...several, until: row(21) }]), signal)
      expect(await read('loan')).toEqual(['1 | before', '2 | after', '4 | d'])
      const bag = await table(
        'loan',
        { ...schema, key: [], identity: 'full' },
        { base: [base], changes: [[change('d', 20, 1n, 'a')]] },
      )
      await subject().warehouse.register(request([{ ...bag, until: row(20) }]), signal)
      expect(await read('loan')).toEqual(['1 | a', '2 | b'])
    })
  })

  describe('what it says of its relations', () => {
    const described = async () => (await subject().reopen()).describe('loans', 'raw', signal)

    test('columns in their order, with types as its dialect spells them; nothing before the first registration', async () => {
      const { dialect } = subject().warehouse
      const columns: readonly Column[] = [
        ID,
        column(2, 'b', { kind: 'bool' }),
        column(3, 'i2', { kind: 'int16' }),
        column(4, 'i4', { kind: 'int32' }),
        column(5, 'f4', { kind: 'float32' }),
        column(6, 'f8', { kind: 'float64' }),
        column(7, 'amount', { kind: 'decimal', precision: 12, scale: 2 }),
        column(8, 'doc', { kind: 'utf8', format: 'json' }),
        column(9, 'raw', { kind: 'binary' }),
        column(10, 'day', { kind: 'date' }),
        column(11, 'wall', { kind: 'timestamp', utc: false }),
        column(12, 'at', { kind: 'timestamp', utc: true }, { initial: { before: cut(5), text: '2020-01-01 00:00:00.000000' } }),
        column(13, 'gone', TEXT, { dropped: true }),
      ]
      expect(await subject().warehouse.describe('nobody', 'raw', signal)).toEqual([])
      await subject().warehouse.register(request([await table('typed', schemaOf(columns), {})]), signal)
      const shown = columns
        .filter((each) => !each.dropped)
        .map(({ name, type }) => ({ name: stored(name), type: dialect.typeOf(type) }))
      const text = dialect.typeOf(TEXT)
      const metadata = [
        { name: stored('_op'), type: text },
        { name: stored('_position'), type: text },
        { name: stored('_source_committed_at'), type: dialect.typeOf({ kind: 'timestamp', utc: true }) },
        { name: stored('_unchanged'), type: text },
      ]
      expect(await described()).toMatchObject([
        { relation: 'typed', columns: shown },
        { relation: 'typed_changes', columns: [...metadata, ...shown] },
      ])
    })

    test('it follows a registration, and tells only of what the integration registered there', async () => {
      const wide = schemaOf([ID, column(2, 'amount', INT64)])
      await subject().warehouse.register(request([await table('loan', schemaOf([ID]), {})]), signal)
      await subject().warehouse.register(
        request([await table('card', schemaOf([ID]), {})], { integration: 'cards', schema: 'raw' }),
        signal,
      )
      await subject().warehouse.register(request([await table('loan', wide, {})]), signal)
      const relations = await described()
      expect(relations.map(({ relation }) => relation)).toEqual(['loan', 'loan_changes'])
      expect(relations[0]?.columns.map(({ name }) => name)).toEqual(['id', 'amount'].map(stored))
      await subject().warehouse.remove({ integration: 'cards', schema: 'raw', dryRun: false }, signal)
    })
  })
}
