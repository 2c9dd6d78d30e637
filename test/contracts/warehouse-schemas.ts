/** Warehouse contract: names, types and schema versions. */
import { describe, expect, test } from 'vitest'
import { arrowType, type LogicalType } from '../../connectors/logical-type.ts'
import type { LakeRow } from '../../connectors/memory/warehouse.ts'
import { lakeRow } from '../support/lake-files.ts'
import { batchLines, queryRows } from '../support/query-rows.ts'
import { column, cut, ID, INT64, row, STATUS, schemaOf, TEXT, type WarehouseTables } from '../support/warehouse-tables.ts'

const signal = new AbortController().signal

export function schemaTests({ subject, file, table, request, show, name: stored }: WarehouseTables): void {
  describe('schemas', () => {
    test('columns stand in source order under their names; dropped ones are gone', async () => {
      const schema = schemaOf([
        { ...STATUS, id: 5, name: 'state', physical: 'b' },
        { ...ID, physical: 'id' },
        column(3, 'old', TEXT, { dropped: true }),
        column(4, 'B', TEXT, { physical: 'status' }),
      ])
      const values = { id: 1n, status: 'swapped 4', b: 'swapped 5', old: 'x' }
      await show(schema, { base: [[lakeRow('r', cut(10), values)]] })
      const result = await subject().warehouse.query('select * from raw.loan', signal)
      expect(result.schema.fields.map((field) => field.name)).toEqual(['id', 'B', 'state'].map(stored))
      for await (const batch of result.batches) expect(batchLines(batch)).toEqual(['1 | swapped 4 | swapped 5'])
    })

    test('names that differ only by case are both shown, the later one with its id', async () => {
      const schema = schemaOf([ID, STATUS, column(7, 'Status', TEXT, { physical: 'status_2' })])
      await show(schema, { base: [[lakeRow('r', cut(10), { id: 1n, status: 'a', status_2: 'b' })]] })
      const result = await subject().warehouse.query('select * from raw.loan', signal)
      expect(result.schema.fields.map((field) => field.name)).toEqual(['id', 'status', 'Status_7'].map(stored))
      for await (const batch of result.batches) expect(batchLines(batch)).toEqual(['1 | a | b'])
    })

    test('rows older than a column show the default that it was added with, truncates and keyed deletes do not', async () => {
      const before = schemaOf([ID, STATUS])
      const added = column(3, 'rate', { kind: 'decimal', precision: 6, scale: 2 }, { initial: { before: row(12), text: '1.50' } })
      const after = schemaOf([ID, STATUS, added], { version: 2 })
      const old = await table('loan', before, {
        base: [[lakeRow('r', cut(10), { id: 1n, status: 'a' }), lakeRow('r', cut(10), { id: 2n, status: 'b' })]],
        changes: [[lakeRow('c', row(11), { id: 3n, status: 'c' }), lakeRow('d', row(11, 2), { id: 2n })]],
      })
      const young = await file(after, 'changes', [
        lakeRow('u', row(12), { id: 1n, status: 'a', rate: null }),
        lakeRow('c', row(13), { id: 4n, status: 'd', rate: 725n }),
      ])
      await subject().warehouse.register(request([{ ...old, schema: after, changes: [...old.changes, young] }]), signal)
      expect(await queryRows(subject().warehouse, 'select * from raw.loan')).toEqual([
        '1 | a | ␀',
        '3 | c | 1.50',
        '4 | d | 7.25',
      ])
      const history = await queryRows(subject().warehouse, 'select * from raw.loan_changes')
      expect(history).toContain(`d | ${row(11, 2)} | 2023-11-14 22:13:20.000000 | ␀ | 2 | ␀ | ␀`)
      expect(history).toContain(`r | ${cut(10)} | ␀ | ␀ | 2 | b | 1.50`)
    })

    test('files of a narrower type and files that lack a column are read under the newest schema', async () => {
      const narrow = schemaOf([
        column(1, 'id', { kind: 'int32' }),
        column(2, 'small', { kind: 'int16' }),
        column(3, 'real', { kind: 'float32' }),
        column(4, 'amount', { kind: 'decimal', precision: 9, scale: 2 }),
      ])
      const wide = schemaOf(
        [
          column(1, 'id', { kind: 'int64' }),
          column(2, 'small', { kind: 'int32' }),
          column(3, 'real', { kind: 'float64' }),
          column(4, 'amount', { kind: 'decimal', precision: 30, scale: 4 }),
          column(5, 'note', TEXT),
        ],
        { version: 2 },
      )
      const old = await table('loan', narrow, {
        base: [[lakeRow('r', cut(10), { id: 1, small: -32768, real: 1.5, amount: -12345n })]],
      })
      // Nothing was written yet under the new schema.
      await subject().warehouse.register(request([{ ...old, schema: wide }]), signal)
      expect(await queryRows(subject().warehouse, 'select * from raw.loan')).toEqual(['1 | -32768 | 1.5 | -123.4500 | ␀'])
      const young = await file(wide, 'changes', [
        lakeRow('c', row(11), { id: 9_007_199_254_740_993n, small: 70_000, real: 0.1, amount: 10n ** 29n, note: 'n' }),
      ])
      await subject().warehouse.register(request([{ ...old, schema: wide, changes: [young] }]), signal)
      expect(await queryRows(subject().warehouse, 'select * from raw.loan')).toEqual([
        '1 | -32768 | 1.5 | -123.4500 | ␀',
        '9007199254740993 | 70000 | 0.1 | 10000000000000000000000000.0000 | n',
      ])
      expect(await queryRows(subject().warehouse, 'select * from raw.loan_changes')).toHaveLength(2)
    })

    test('every logical type is shown exactly, at its limits and as null', async () => {
      const types: readonly (readonly [string, LogicalType, readonly (readonly [LakeRow['values'][string], string])[]])[] = [
        [
          'b',
          { kind: 'bool' },
          [
            [true, 't'],
            [false, 'f'],
          ],
        ],
        [
          'i2',
          { kind: 'int16' },
          [
            [32767, '32767'],
            [-32768, '-32768'],
          ],
        ],
        [
          'i4',
          { kind: 'int32' },
          [
            [2147483647, '2147483647'],
            [-2147483648, '-2147483648'],
          ],
        ],
        [
          'i8',
          INT64,
          [
            [9223372036854775807n, '9223372036854775807'],
            [-9223372036854775808n, '-9223372036854775808'],
          ],
        ],
        [
          'f4',
          { kind: 'float32' },
          [
            [Number.NaN, 'NaN'],
            [Math.fround(3.4e38), String(Math.fround(3.4e38))],
          ],
        ],
        [
          'f8',
          { kind: 'float64' },
          [
            [Number.NEGATIVE_INFINITY, '-Infinity'],
            [5e-324, '5e-324'],
          ],
        ],
        [
          'd9',
          { kind: 'decimal', precision: 9, scale: 2 },
          [
            [999999999n, '9999999.99'],
            [-1n, '-0.01'],
          ],
        ],
        [
          'd18',
          { kind: 'decimal', precision: 18, scale: 0 },
          [
            [10n ** 18n - 1n, '9'.repeat(18)],
            [-(10n ** 18n - 1n), `-${'9'.repeat(18)}`],
          ],
        ],
        [
          'd38',
          { kind: 'decimal', precision: 38, scale: 38 },
          [
            [10n ** 38n - 1n, `0.${'9'.repeat(38)}`],
            [-1n, `-0.${'0'.repeat(37)}1`],
          ],
        ],
        [
          't',
          TEXT,
          [
            ['', ''],
            ['a\'b"c\\d\n😀', 'a\'b"c\\d\n😀'],
          ],
        ],
        [
          'j',
          { kind: 'utf8', format: 'json' },
          [
            ['{"a": 1e999}', '{"a": 1e999}'],
            ['null', 'null'],
          ],
        ],
        [
          'u',
          { kind: 'utf8', format: 'uuid' },
          [
            ['00000000-0000-0000-0000-000000000000', '00000000-0000-0000-0000-000000000000'],
            ['ffffffff-ffff-ffff-ffff-ffffffffffff', 'ffffffff-ffff-ffff-ffff-ffffffffffff'],
          ],
        ],
        [
          'y',
          { kind: 'binary' },
          [
            [new Uint8Array([0, 255, 128]), '00ff80'],
            [new Uint8Array(), ''],
          ],
        ],
        [
          'dt',
          { kind: 'date' },
          [
            [-719162, '0001-01-01'],
            [2932896, '9999-12-31'],
          ],
        ],
        [
          'ts',
          { kind: 'timestamp', utc: false },
          [
            [-1n, '1969-12-31 23:59:59.999999'],
            [253402300799999999n, '9999-12-31 23:59:59.999999'],
          ],
        ],
        [
          'tz',
          { kind: 'timestamp', utc: true },
          [
            [-62135596800000000n, '0001-01-01 00:00:00.000000'],
            [1_700_000_000_123_456n, '2023-11-14 22:13:20.123456'],
          ],
        ],
      ]
      const { shows } = subject()
      const held = types.filter(([, type]) => shows === undefined || shows.type(type) !== null)
      const schema = schemaOf([ID, ...held.map(([name, type], index) => column(index + 2, name, type))])
      const values = (id: number, index: number) =>
        Object.fromEntries([['id', BigInt(id)], ...held.map(([name, , cases]) => [name, cases[index]?.[0] ?? null] as const)])
      const { current } = await show(schema, {
        base: [[lakeRow('r', cut(10), values(1, 0))]],
        changes: [[lakeRow('c', row(11), values(2, 1)), lakeRow('c', row(12), { id: 3n })]],
      })
      const text = (type: LogicalType, said: string | undefined) => (said === undefined ? '␀' : (shows?.text(said, type) ?? said))
      const expected = (index: number) => held.map(([, type, cases]) => text(type, cases[index]?.[1])).join(' | ')
      expect(current).toEqual([`1 | ${expected(0)}`, `2 | ${expected(1)}`, `3 | ${held.map(() => '␀').join(' | ')}`])
      const result = await subject().warehouse.query('select * from raw.loan', signal)
      expect(result.schema.fields.slice(1).map((field) => String(field.type))).toEqual(
        held.map(([, type]) => String(arrowType(shows?.type(type) ?? type))),
      )
      for await (const _ of result.batches);
    })
  })
}
