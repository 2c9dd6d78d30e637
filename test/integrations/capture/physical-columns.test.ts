import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Position, type SourceColumn, type SourceTable, type TableSchema, tableName } from '../../../connectors/change.ts'
import type { LogicalType } from '../../../connectors/logical-type.ts'
import { covers, dateBack, evolve, sourceTableOf } from '../../../integrations/capture/physical-columns.ts'

const at = (n: number): Position => `0001-${n.toString(16).padStart(16, '0')}-00000000` as Position
const int32: LogicalType = { kind: 'int32' }
const int64: LogicalType = { kind: 'int64' }
const text: LogicalType = { kind: 'utf8', format: 'text' }

const column = (id: number, name: string, type: LogicalType = text, initial?: string): SourceColumn => ({
  id,
  name,
  type,
  sourceType: type.kind,
  nullable: true,
  ...(initial === undefined ? {} : { initial: { text: initial } }),
})

const table = (columns: readonly SourceColumn[], rest: Partial<SourceTable> = {}): SourceTable => ({
  table: tableName('public', 'loan'),
  id: '16384',
  storage: 's1',
  definition: 'd1',
  columns,
  key: [1],
  identity: 'default',
  ...rest,
})

const names = (schema: TableSchema): string[] => schema.columns.map((c) => `${c.dropped ? '-' : ''}${c.name}:${c.physical}`)
const kinds = (evolution: ReturnType<typeof evolve>): string[] => evolution.differences.map(({ kind }) => kind)

describe('evolve', () => {
  const base = evolve(null, table([column(1, 'id', int32), column(2, 'a'), column(3, 'b')]), at(1)).schema

  it('names the columns of a new table in lower case and asks for a snapshot', () => {
    const evolution = evolve(null, table([column(1, 'Id', int32), column(2, 'ID'), column(3, '_OP')]), at(1))
    expect(names(evolution.schema)).toEqual(['Id:id', 'ID:id_2', '_OP:_op_2'])
    expect(evolution.schema).toMatchObject({ version: 1, since: at(1), key: ['id'] })
    expect(evolution.resync).toBe(true)
  })

  it('returns the same version when nothing changed', () => {
    expect(evolve(base, table([column(1, 'id', int32), column(2, 'a'), column(3, 'b')]), at(2)).schema).toBe(base)
  })

  it('swaps two names without touching the files', () => {
    const evolution = evolve(base, table([column(1, 'id', int32), column(2, 'b'), column(3, 'a')]), at(2))
    expect(names(evolution.schema)).toEqual(['id:id', 'b:a', 'a:b'])
    expect(kinds(evolution)).toEqual(['rename_column', 'rename_column'])
    expect(evolution.resync).toBe(false)
  })

  it('never gives a dropped name out again', () => {
    const without = evolve(base, table([column(1, 'id', int32), column(3, 'b')]), at(2)).schema
    const again = evolve(without, table([column(1, 'id', int32), column(3, 'b'), column(4, 'a')]), at(3))
    expect(names(again.schema)).toEqual(['id:id', '-a:a', 'b:b', 'a:a_2'])
    expect(again.schema.version).toBe(3)
  })

  it('dates the initial value of an added column by the first position that shows it', () => {
    const evolution = evolve(
      base,
      table([...base.columns.map((c) => column(c.id, c.name, c.type)), column(4, 'c', int32, '5')]),
      at(7),
    )
    expect(evolution.schema.columns[3]).toMatchObject({ physical: 'c', initial: { before: at(7), text: '5' } })
    expect(evolution.resync).toBe(false)
  })

  it('widens in place and replaces what cannot widen', () => {
    const wide = evolve(base, table([column(1, 'id', int64), column(2, 'a'), column(3, 'b')]), at(2))
    expect(names(wide.schema)).toEqual(['id:id', 'a:a', 'b:b'])
    expect(wide).toMatchObject({ resync: false, schema: { key: ['id'] } })
    const other = evolve(wide.schema, table([column(1, 'id', int64), column(2, 'a', int32), column(3, 'b')]), at(3))
    expect(names(other.schema)).toEqual(['id:id', '-a:a', 'b:b', 'a:a_2'])
    expect(other.resync).toBe(true)
    expect(kinds(other)).toEqual(['retype_column'])
  })

  it('starts over for a key change and for a table created again under its name', () => {
    const key = evolve(base, table([column(1, 'id', int32), column(2, 'a'), column(3, 'b')], { key: [2] }), at(2))
    expect(key).toMatchObject({ resync: true, schema: { key: ['a'] } })
    const again = evolve(base, table([column(1, 'id', int32)], { id: '20000' }), at(3))
    expect(names(again.schema)).toEqual(['-id:id', '-a:a', '-b:b', 'id:id_2'])
    expect(again).toMatchObject({ resync: true, schema: { id: '20000', key: ['id_2'] } })
  })

  it('takes a column back that an older view of the table did not show', () => {
    const older = evolve(base, table([column(1, 'id', int32), column(2, 'a')]), at(2)).schema
    const newer = evolve(older, table([column(1, 'id', int32), column(2, 'a'), column(3, 'b')]), at(3)).schema
    expect(names(newer)).toEqual(['id:id', 'a:a', 'b:b'])
  })

  it('refuses a column with a name of the metadata and says what to do', () => {
    expect(() => evolve(null, table([column(1, '_position')]), at(1))).toThrow(/"_position" of "public.loan".*Rename it/)
  })

  it('keeps physical names unique and immutable over any history', () => {
    const step = fc.array(fc.record({ id: fc.integer({ min: 1, max: 6 }), name: fc.constantFrom('a', 'A', 'b', '_x', 'a_2') }), {
      maxLength: 6,
    })
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 8 }), (history) => {
        let schema: TableSchema | null = null
        const given = new Map<string, string>()
        for (const [n, shape] of history.entries()) {
          const columns = [...new Map(shape.map(({ id, name }) => [id, column(id, name)])).values()].toSorted(
            (a, b) => a.id - b.id,
          )
          const next: TableSchema = evolve(schema, table(columns, { key: [] }), at(n + 1)).schema
          const physical = next.columns.map((c) => c.physical)
          expect(new Set(physical).size).toBe(physical.length)
          expect(physical.slice(0, schema?.columns.length ?? 0)).toEqual(schema?.columns.map((c) => c.physical) ?? [])
          for (const c of next.columns) expect(given.get(c.physical) ?? String(c.id)).toBe(String(c.id))
          for (const c of next.columns) given.set(c.physical, String(c.id))
          expect(covers(next, table(columns))).toBe(true)
          expect(sourceTableOf(next, { storage: 's1', definition: 'd1' }).columns.map((c) => c.name)).toEqual(
            columns.map((c) => c.name),
          )
          schema = next
        }
      }),
    )
  })
})

describe('covers', () => {
  it('does not take a column of the table that was dropped for one of its successor', () => {
    const before = evolve(null, table([column(1, 'id', int32), column(2, 'a', int32)]), at(1)).schema
    const after = evolve(before, table([column(1, 'id', int32), column(2, 'a', text)], { id: '16999' }), at(5)).schema
    expect(covers(after, table([column(1, 'id', int32), column(2, 'a', text)], { id: '16999' }))).toBe(true)
    expect(covers(after, table([column(1, 'id', int32), column(2, 'a', int32)], { id: '16999' }))).toBe(false)
  })
})

describe('dateBack', () => {
  it('happens as well when the stream is behind a catalogue that showed a later shape', () => {
    const [id, c] = [column(1, 'id', int32), column(2, 'c', int32, '5')]
    const base = evolve(null, table([id, column(3, 'b')]), at(1)).schema
    const ahead = evolve(base, table([id, c]), at(9)).schema
    const behind = evolve(ahead, table([id, c, column(3, 'b', int32)]), at(4)).schema
    expect(behind.columns.find((each) => each.name === 'c')?.initial).toEqual({ before: at(4), text: '5' })
    const without = evolve(ahead, table([id, column(3, 'b', int32)]), at(3)).schema
    const back = evolve(without, table([id, c, column(3, 'b', int32)]), at(4)).schema
    expect(back.columns.find((each) => each.name === 'c')?.initial).toEqual({ before: at(4), text: '5' })
  })

  it('moves the date of an initial value back to the first row that shows the column', () => {
    const base = evolve(null, table([column(1, 'id', int32)]), at(1)).schema
    const shape = table([column(1, 'id', int32), column(2, 'c', int32, '5')])
    const ahead = evolve(base, shape, at(9)).schema
    expect(dateBack(ahead, shape, at(9))).toBeNull()
    expect(dateBack(ahead, shape, at(4))?.columns[1]?.initial).toEqual({ before: at(4), text: '5' })
    expect(dateBack(ahead, table([column(1, 'id', int32)]), at(4))).toBeNull()
  })
})
