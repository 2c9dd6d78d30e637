/** What every `Warehouse` must do. A connector's test calls `warehouseContract` with a way to open one over a lake. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Column, Position, TableName, TableSchema } from '../../connectors/change.ts'
import { ConnectorError } from '../../connectors/errors.ts'
import type { LogicalType } from '../../connectors/logical-type.ts'
import type { LakeRow } from '../../connectors/memory/warehouse.ts'
import type { ObjectStore, RegisteredFile, RegisterRequest, TableRegistration, Warehouse } from '../../connectors/ports.ts'
import { relationSql } from '../../integrations/register/view-sql.ts'
import { lakeRow, writeLakeFile } from '../support/lake-files.ts'
import { batchLines, queryRows } from '../support/query-rows.ts'

export type WarehouseSubject = AsyncDisposable & {
  readonly warehouse: Warehouse
  /** A store whose addresses the warehouse can read; empty. */
  readonly store: ObjectStore
  /** The warehouse as another process would open it; the same one when it lives in this process only. */
  readonly reopen: () => Promise<Warehouse>
}

const signal = new AbortController().signal
const cut = (number: number): Position => `0001-${String(number).padStart(16, '0')}-00000000` as Position
const row = (number: number, ordinal = 1): Position =>
  `0001-${String(number).padStart(16, '0')}-${String(ordinal).padStart(8, '0')}` as Position

const INT64: LogicalType = { kind: 'int64' }
const TEXT: LogicalType = { kind: 'utf8', format: 'text' }

function column(id: number, name: string, type: LogicalType, more: Partial<Column> = {}): Column {
  return { id, name, physical: name.toLowerCase(), type, sourceType: type.kind, nullable: true, ...more }
}

const ID = column(1, 'id', INT64)
const STATUS = column(2, 'status', TEXT)

function schemaOf(columns: readonly Column[], more: Partial<TableSchema> = {}): TableSchema {
  const table = 'public.loan' as TableName
  return { table, id: '16384', version: 1, since: cut(0), columns, key: ['id'], identity: 'default', ...more }
}

export function warehouseContract(name: string, open: () => Promise<WarehouseSubject>): void {
  describe(`warehouse contract: ${name}`, () => {
    let subject: WarehouseSubject
    let commits = 0
    beforeAll(async () => {
      subject = await open()
    })
    afterAll(async () => {
      await subject[Symbol.asyncDispose]()
    })

    const file = async (schema: TableSchema, part: 'base' | 'changes', rows: readonly LakeRow[]): Promise<RegisteredFile> => {
      const key = `raw/loans/public.loan/${part}/${String(++commits).padStart(5, '0')}.parquet`
      const written = await writeLakeFile(subject.store, key, schema, part, rows)
      return { ...written, address: subject.store.address(key) }
    }

    /** A table from its rows; each list of `base` and `changes` is a file of its own. */
    const table = async (
      relation: string,
      schema: TableSchema,
      rows: { readonly base?: readonly (readonly LakeRow[])[]; readonly changes?: readonly (readonly LakeRow[])[] },
      more: Partial<TableRegistration> = {},
    ): Promise<TableRegistration> => {
      const base: RegisteredFile[] = []
      const changes: RegisteredFile[] = []
      for (const each of rows.base ?? []) base.push(await file(schema, 'base', each))
      for (const each of rows.changes ?? []) changes.push(await file(schema, 'changes', each))
      const positions = (rows.base ?? []).flat().map((each) => each.position)
      const boundary = positions.toSorted()[0] ?? cut(10)
      const baseThrough = positions.toSorted().at(-1) ?? boundary
      return { table: schema.table, relation, schema, boundary, baseThrough, base, changes, ...more }
    }

    const request = (tables: readonly TableRegistration[], more: Partial<RegisterRequest> = {}): RegisterRequest => ({
      integration: 'loans',
      schema: 'raw',
      commit: ++commits,
      position: cut(1000),
      tables,
      relationSql: (each, scans) => relationSql(each, subject.warehouse.dialect, scans),
      dryRun: false,
      ...more,
    })

    const show = async (schema: TableSchema, rows: Parameters<typeof table>[2], more: Partial<TableRegistration> = {}) => {
      const registration = await table('loan', schema, rows, more)
      await subject.warehouse.register(request([registration]), signal)
      return {
        current: await queryRows(subject.warehouse, 'select * from raw.loan'),
        history: await queryRows(subject.warehouse, 'select * from raw.loan_changes'),
      }
    }

    const failure = async (promise: Promise<unknown>): Promise<ConnectorError> => {
      const error = await promise.then(
        () => null,
        (reason: unknown) => reason,
      )
      expect(error).toBeInstanceOf(ConnectorError)
      return error as ConnectorError
    }

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
        const result = await subject.warehouse.query('select * from raw.loan', signal)
        expect(result.schema.fields.map((field) => `${field.name} ${field.type}`)).toEqual(['id Int64', 'status Utf8'])
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
        const result = await subject.warehouse.query('select * from raw.loan', signal)
        expect(result.schema.fields.map((field) => field.name)).toEqual(['id', 'B', 'state'])
        for await (const batch of result.batches) expect(batchLines(batch)).toEqual(['1 | swapped 4 | swapped 5'])
      })

      test('names that differ only by case are both shown, the later one with its id', async () => {
        const schema = schemaOf([ID, STATUS, column(7, 'Status', TEXT, { physical: 'status_2' })])
        await show(schema, { base: [[lakeRow('r', cut(10), { id: 1n, status: 'a', status_2: 'b' })]] })
        const result = await subject.warehouse.query('select * from raw.loan', signal)
        expect(result.schema.fields.map((field) => field.name)).toEqual(['id', 'status', 'Status_7'])
        for await (const batch of result.batches) expect(batchLines(batch)).toEqual(['1 | a | b'])
      })

      test('rows older than a column show the default that it was added with, truncates and keyed deletes do not', async () => {
        const before = schemaOf([ID, STATUS])
        const added = column(
          3,
          'rate',
          { kind: 'decimal', precision: 6, scale: 2 },
          { initial: { before: row(12), text: '1.50' } },
        )
        const after = schemaOf([ID, STATUS, added], { version: 2 })
        const old = await table('loan', before, {
          base: [[lakeRow('r', cut(10), { id: 1n, status: 'a' }), lakeRow('r', cut(10), { id: 2n, status: 'b' })]],
          changes: [[lakeRow('c', row(11), { id: 3n, status: 'c' }), lakeRow('d', row(11, 2), { id: 2n })]],
        })
        const young = await file(after, 'changes', [
          lakeRow('u', row(12), { id: 1n, status: 'a', rate: null }),
          lakeRow('c', row(13), { id: 4n, status: 'd', rate: 725n }),
        ])
        await subject.warehouse.register(request([{ ...old, schema: after, changes: [...old.changes, young] }]), signal)
        expect(await queryRows(subject.warehouse, 'select * from raw.loan')).toEqual([
          '1 | a | ␀',
          '3 | c | 1.50',
          '4 | d | 7.25',
        ])
        const history = await queryRows(subject.warehouse, 'select * from raw.loan_changes')
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
        await subject.warehouse.register(request([{ ...old, schema: wide }]), signal)
        expect(await queryRows(subject.warehouse, 'select * from raw.loan')).toEqual(['1 | -32768 | 1.5 | -123.4500 | ␀'])
        const young = await file(wide, 'changes', [
          lakeRow('c', row(11), { id: 9_007_199_254_740_993n, small: 70_000, real: 0.1, amount: 10n ** 29n, note: 'n' }),
        ])
        await subject.warehouse.register(request([{ ...old, schema: wide, changes: [young] }]), signal)
        expect(await queryRows(subject.warehouse, 'select * from raw.loan')).toEqual([
          '1 | -32768 | 1.5 | -123.4500 | ␀',
          '9007199254740993 | 70000 | 0.1 | 10000000000000000000000000.0000 | n',
        ])
        expect(await queryRows(subject.warehouse, 'select * from raw.loan_changes')).toHaveLength(2)
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
        const schema = schemaOf([ID, ...types.map(([name, type], index) => column(index + 2, name, type))])
        const values = (id: number, index: number) =>
          Object.fromEntries([['id', BigInt(id)], ...types.map(([name, , cases]) => [name, cases[index]?.[0] ?? null] as const)])
        const { current } = await show(schema, {
          base: [[lakeRow('r', cut(10), values(1, 0))]],
          changes: [[lakeRow('c', row(11), values(2, 1)), lakeRow('c', row(12), { id: 3n })]],
        })
        const expected = (index: number) => types.map(([, , cases]) => cases[index]?.[1] ?? '␀').join(' | ')
        expect(current).toEqual([`1 | ${expected(0)}`, `2 | ${expected(1)}`, `3 | ${types.map(() => '␀').join(' | ')}`])
        const result = await subject.warehouse.query('select * from raw.loan', signal)
        expect(result.schema.fields.slice(1).map((field) => String(field.type))).toMatchInlineSnapshot(`
          [
            "Bool",
            "Int16",
            "Int32",
            "Int64",
            "Float32",
            "Float64",
            "Decimal[9e+2]",
            "Decimal[18e0]",
            "Decimal[38e+38]",
            "Utf8",
            "Utf8",
            "Utf8",
            "Binary",
            "Date32<DAY>",
            "Timestamp<MICROSECOND>",
            "Timestamp<MICROSECOND, UTC>",
          ]
        `)
        for await (const _ of result.batches);
      })
    })

    describe('registration', () => {
      const schema = schemaOf([ID, STATUS])
      const rows = (id: number) => ({ base: [[lakeRow('r', cut(10), { id: BigInt(id), status: 's' })]] })

      test('it records the commit; a repeat changes nothing and an older commit changes nothing', async () => {
        const loan = await table('loan', schema, rows(1))
        const first = request([loan])
        await subject.warehouse.register(first, signal)
        expect(await subject.warehouse.registered('loans', 'raw', signal)).toEqual({ commit: first.commit, relations: ['loan'] })
        const repeat = await subject.warehouse.register(first, signal)
        expect([repeat.filesAdded, repeat.filesRemoved]).toEqual([0, 0])
        const older = { ...first, commit: first.commit - 1, tables: [] }
        expect(await subject.warehouse.register(older, signal)).toEqual({ statements: [], filesAdded: 0, filesRemoved: 0 })
        expect(await queryRows(await subject.reopen(), 'select * from raw.loan')).toEqual(['1 | s'])
      })

      test('a newer commit adds and removes files and relations', async () => {
        const loan = await table('loan', schema, { ...rows(1), changes: [[lakeRow('c', row(11), { id: 2n, status: 'x' })]] })
        const client = await table('client', { ...schema, table: 'public.client' as TableName }, rows(5))
        await subject.warehouse.register(request([loan, client]), signal)
        expect(await queryRows(subject.warehouse, 'select * from raw.client')).toEqual(['5 | s'])
        const merged = await table('loan', schema, { changes: [[lakeRow('c', row(12), { id: 3n, status: 'y' })]] })
        const outcome = await subject.warehouse.register(
          request([{ ...loan, changes: [...loan.changes.slice(1), ...merged.changes] }]),
          signal,
        )
        expect([outcome.filesAdded, outcome.filesRemoved]).toEqual([1, 2])
        expect(await queryRows(subject.warehouse, 'select * from raw.loan')).toEqual(['1 | s', '3 | y'])
        expect((await failure(queryRows(subject.warehouse, 'select * from raw.client'))).code).toBe('STATEMENT')
      })

      test('a dry run says what it would do and does nothing', async () => {
        const loan = await table('loan', schema, rows(1))
        await subject.warehouse.register(request([loan]), signal)
        const shown = await subject.warehouse.registered('loans', 'raw', signal)
        const other = await table('loan', schema, rows(2))
        const outcome = await subject.warehouse.register(request([other], { dryRun: true }), signal)
        expect(outcome.statements.length).toBeGreaterThan(0)
        expect([outcome.filesAdded, outcome.filesRemoved]).toEqual([1, 1])
        expect(await subject.warehouse.registered('loans', 'raw', signal)).toEqual(shown)
        expect(await queryRows(subject.warehouse, 'select * from raw.loan')).toEqual(['1 | s'])
      })

      test('a file of other rows than the commit says, or none at all, is refused by name and nothing is shown of it', async () => {
        const loan = await table('loan', schema, rows(1))
        await subject.warehouse.register(request([loan]), signal)
        const shown = await subject.warehouse.registered('loans', 'raw', signal)
        const good = await file(schema, 'changes', [lakeRow('c', row(11), { id: 2n, status: 'x' })])
        for (const bad of [
          { ...good, rows: 2 },
          { ...good, key: `${good.key}.gone`, address: `${good.address}.gone` },
        ]) {
          const error = await failure(subject.warehouse.register(request([{ ...loan, changes: [bad] }]), signal))
          expect(error.code).toBe('PROOF')
          expect(error.message).toContain(bad.key)
          expect(error.message).toContain('public.loan')
        }
        expect(await subject.warehouse.registered('loans', 'raw', signal)).toEqual(shown)
        expect(await queryRows(subject.warehouse, 'select * from raw.loan')).toEqual(['1 | s'])
      })

      test('integrations share a warehouse: each keeps its relations, none takes those of another', async () => {
        const loan = await table('loan', schema, rows(1))
        await subject.warehouse.register(request([loan]), signal)
        const mine = await table('card', schema, rows(7))
        await subject.warehouse.register(request([mine], { integration: 'cards', schema: 'raw' }), signal)
        await subject.warehouse.register(request([loan], { integration: 'cards', schema: 'other' }), signal)
        expect(await queryRows(subject.warehouse, 'select * from raw.loan')).toEqual(['1 | s'])
        expect(await queryRows(subject.warehouse, 'select * from raw.card')).toEqual(['7 | s'])
        const error = await failure(subject.warehouse.register(request([loan], { integration: 'cards', schema: 'raw' }), signal))
        expect([error.code, error.message.includes('"loans"')]).toEqual(['CONFIGURATION', true])
        const said = await subject.warehouse.remove({ integration: 'cards', schema: 'raw', dryRun: true }, signal)
        expect(said.length).toBeGreaterThan(0)
        expect(await queryRows(subject.warehouse, 'select * from raw.card')).toEqual(['7 | s'])
        expect(await subject.warehouse.remove({ integration: 'cards', schema: 'raw', dryRun: false }, signal)).toEqual(said)
        expect((await failure(queryRows(subject.warehouse, 'select * from raw.card'))).code).toBe('STATEMENT')
        expect(await subject.warehouse.registered('cards', 'raw', signal)).toBeNull()
        expect(await queryRows(subject.warehouse, 'select * from raw.loan')).toEqual(['1 | s'])
        expect(await queryRows(subject.warehouse, 'select * from other.loan')).toEqual(['1 | s'])
        await subject.warehouse.remove({ integration: 'cards', schema: 'other', dryRun: false }, signal)
      })

      test('an aborted call rejects and leaves what was shown', async () => {
        const loan = await table('loan', schema, rows(1))
        await subject.warehouse.register(request([loan]), signal)
        const aborted = AbortSignal.abort()
        const other = await table('loan', schema, rows(2))
        await expect(subject.warehouse.register(request([other]), aborted)).rejects.toThrow()
        await expect(subject.warehouse.query('select * from raw.loan', aborted)).rejects.toThrow()
        expect(await queryRows(subject.warehouse, 'select * from raw.loan')).toEqual(['1 | s'])
      })

      test('what another schema holds under the same name is not touched, and unknown integrations are not registered', async () => {
        expect(await subject.warehouse.registered('nobody', 'raw', signal)).toBeNull()
        expect(await subject.warehouse.remove({ integration: 'nobody', schema: 'raw', dryRun: false }, signal)).toEqual([])
      })

      test('check finds nothing wrong with a warehouse that works', async () => {
        expect(await subject.warehouse.check(signal)).toEqual([])
      })
    })
  })
}
