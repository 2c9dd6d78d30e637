/** Warehouse contract: which rows the relations show. */
import { describe, expect, test } from 'vitest'
import type { Position } from '../../connectors/change.ts'
import type { LakeRow } from '../../connectors/memory/warehouse.ts'
import { lakeRow } from '../support/lake-files.ts'
import { column, cut, ID, row, STATUS, schemaOf, TEXT, type WarehouseTables } from '../support/warehouse-tables.ts'

const signal = new AbortController().signal

export function rowTests({ subject, show, name }: WarehouseTables): void {
  describe('rows', () => {
    const schema = schemaOf([ID, STATUS])
    const base = (position: Position, ...ids: number[]) =>
      ids.map((id) => lakeRow('r', position, { id: BigInt(id), status: `s${id}` }))
    const change = (op: LakeRow['op'], position: Position, id?: number, status: string | null = null) =>
      lakeRow(op, position, id === undefined ? {} : { id: BigInt(id), status })

    test('a base without changes is shown as it is', async () => {
      const { current, history } = await show(schema, { base: [base(cut(10), 1, 2)] })
      expect(current).toEqual(['1 | s1', '2 | s2'])
      expect(history).toEqual([`r | ${cut(10)} | ␀ | ␀ | 1 | s1`, `r | ${cut(10)} | ␀ | ␀ | 2 | s2`])
    })

    test('the newest position of a key wins, across files and within one; a delete removes', async () => {
      const { current, history } = await show(schema, {
        base: [base(cut(10), 1, 2, 3)],
        changes: [
          [change('u', row(11), 1, 'a'), change('d', row(11, 2), 2), change('u', row(12), 1, 'b')],
          [change('c', row(13), 4, 'new'), change('d', row(14), 4), change('c', row(14, 2), 4, 'again')],
        ],
      })
      expect(current).toEqual(['1 | b', '3 | s3', '4 | again'])
      expect(history).toHaveLength(9)
      expect(history).toContain(`d | ${row(11, 2)} | 2023-11-14 22:13:20.000000 | ␀ | 2 | ␀`)
    })

    test('a key change is a delete of the old key and an update of the new one', async () => {
      const { current } = await show(schema, {
        base: [base(cut(10), 1)],
        changes: [[change('d', row(11, 1), 1), change('u', row(11, 2), 9, 's1')]],
      })
      expect(current).toEqual(['9 | s1'])
    })

    test('a truncate voids everything below it, base included', async () => {
      const { current, history } = await show(schema, {
        base: [base(cut(10), 1, 2)],
        changes: [[change('c', row(11), 3, 'x'), change('t', row(12)), change('c', row(12, 2), 1, 'after')]],
      })
      expect(current).toEqual(['1 | after'])
      expect(history).toContain(`t | ${row(12)} | 2023-11-14 22:13:20.000000 | ␀ | ␀ | ␀`)
    })

    test('changes at or below the boundary are history only', async () => {
      const { current, history } = await show(schema, {
        base: [base(cut(20), 1)],
        changes: [
          [change('c', row(11), 7, 'old'), change('t', row(12)), change('u', row(19), 1, 'old')],
          [change('u', row(20), 1, 'new')],
        ],
      })
      expect(current).toEqual(['1 | new'])
      expect(history).toHaveLength(5)
    })

    test('a base read at several positions is overlaid row by row', async () => {
      const { current } = await show(schema, {
        // Row 2 moved into the range that was read later, row 3 was deleted before that, row 4 appeared.
        base: [base(cut(10), 1, 2), [...base(cut(20), 4), lakeRow('r', cut(20), { id: 2n, status: 'moved' })]],
        changes: [
          [
            change('u', row(12), 2, 'older than the chunk'),
            change('d', row(13), 3),
            change('c', row(14), 4, 'older than the chunk'),
            change('u', row(15), 1, 'newer than its chunk'),
            change('u', row(21), 4, 'newest'),
          ],
        ],
      })
      expect(current).toEqual(['1 | newer than its chunk', '2 | moved', '4 | newest'])
    })

    test('a truncate between the chunks of a base voids the earlier chunk only', async () => {
      const { current } = await show(schema, {
        base: [base(cut(10), 1, 2), base(cut(20), 5)],
        changes: [[change('t', row(15))]],
      })
      expect(current).toEqual(['5 | s5'])
    })

    test('a base of no rows and a table of no files are empty relations of the right columns', async () => {
      const { current, history } = await show(schema, {})
      expect([current, history]).toEqual([[], []])
      const result = await subject().warehouse.query('select * from raw.loan', signal)
      expect(result.schema.fields.map((field) => `${field.name} ${field.type}`)).toEqual([
        `${name('id')} Int64`,
        `${name('status')} Utf8`,
      ])
      for await (const _ of result.batches) throw new Error('no batch expected')
      expect((await show(schema, { base: [[]], changes: [[change('c', row(30), 1, 'x')]] })).current).toEqual(['1 | x'])
    })

    test('a table without a key is a bag: each delete takes one equal row away, nulls being equal', async () => {
      const bag = { ...schema, key: [], identity: 'full' } as const
      const { current } = await show(bag, {
        base: [[...base(cut(10), 1, 1, 1, 2), lakeRow('r', cut(10), { id: null, status: null })]],
        changes: [
          [
            change('d', row(11), 1, 's1'),
            change('c', row(12), 2, 's2'),
            change('c', row(13), 3, 's3'),
            change('d', row(14), 3, 's3'),
            lakeRow('d', row(15), { id: null, status: null }),
            change('u', row(16), 4, 's4'),
          ],
        ],
      })
      expect(current).toEqual(['1 | s1', '1 | s1', '2 | s2', '2 | s2', '4 | s4'])
      const emptied = await show(bag, {
        base: [base(cut(10), 1)],
        changes: [[change('t', row(11)), change('c', row(12), 1, 's1')]],
      })
      expect(emptied.current).toEqual(['1 | s1'])
    })

    test('a composite key keeps its order and its parts', async () => {
      const composite = schemaOf([ID, STATUS, column(3, 'note', TEXT)], { key: ['status', 'id'] })
      const values = (id: number, status: string, note: string) => ({ id: BigInt(id), status, note })
      const { current } = await show(composite, {
        base: [[lakeRow('r', cut(10), values(1, 'a', 'x')), lakeRow('r', cut(10), values(1, 'b', 'y'))]],
        changes: [[lakeRow('u', row(11), values(1, 'b', 'z')), lakeRow('d', row(12), { id: 1n, status: 'a' })]],
      })
      expect(current).toEqual(['1 | b | z'])
    })
  })
}
