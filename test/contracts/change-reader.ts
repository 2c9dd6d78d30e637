/** What every `ChangeReader` must do. A test calls `changeReaderContract` with a way to open one over given rows. */
import { describe, expect, test } from 'vitest'
import type { Column, Position, TableName, TableSchema } from '../../connectors/change.ts'
import { ConnectorError } from '../../connectors/errors.ts'
import type { LogicalType } from '../../connectors/logical-type.ts'
import type { LakeRow } from '../../connectors/memory/warehouse.ts'
import type { ChangeReader } from '../../connectors/ports.ts'
import { lakeRow } from '../support/lake-files.ts'
import { batchLines } from '../support/query-rows.ts'

export type Part = { readonly schema: TableSchema; readonly rows: readonly LakeRow[] }

/** One table of the lake; each part was written as a file of its own, under its own schema version. */
export type Given = {
  readonly schema: TableSchema
  readonly boundary: Position
  readonly base: readonly Part[]
  readonly changes: readonly Part[]
  readonly head: Position | null
}

export type ChangeReaderSubject = AsyncDisposable & { readonly reader: ChangeReader }

const signal = new AbortController().signal
const cut = (number: number): Position => `0001-${String(number).padStart(16, '0')}-00000000` as Position
const at = (number: number, ordinal = 1): Position =>
  `0001-${String(number).padStart(16, '0')}-${String(ordinal).padStart(8, '0')}` as Position
const LOAN = 'public.loan' as TableName

const column = (id: number, name: string, type: LogicalType, more: Partial<Column> = {}): Column => ({
  id,
  name,
  physical: name,
  type,
  sourceType: type.kind,
  nullable: true,
  ...more,
})
const FIRST: TableSchema = {
  table: LOAN,
  id: '1',
  version: 1,
  since: cut(1),
  key: ['id'],
  identity: 'default',
  columns: [
    column(1, 'id', { kind: 'int32' }),
    column(2, 'amount', { kind: 'decimal', precision: 9, scale: 2 }),
    column(3, 'gone', { kind: 'bool' }),
  ],
}
const SECOND: TableSchema = {
  ...FIRST,
  version: 2,
  since: cut(20),
  columns: [
    column(1, 'id', { kind: 'int64' }),
    column(2, 'value', { kind: 'decimal', precision: 38, scale: 4 }, { physical: 'amount' }),
    column(3, 'gone', { kind: 'bool' }, { dropped: true }),
    column(4, 'due', { kind: 'timestamp', utc: true }, { initial: { before: cut(20), text: '2026-01-02 03:04:05.678901' } }),
  ],
}
const GIVEN: Given = {
  schema: SECOND,
  boundary: cut(10),
  head: cut(40),
  base: [{ schema: FIRST, rows: [1, 2].map((id) => lakeRow('r', cut(10), { id, amount: BigInt(id * 100), gone: true })) }],
  changes: [
    {
      schema: FIRST,
      rows: [
        lakeRow('c', at(5), { id: 9, amount: 1n, gone: false }),
        lakeRow('u', at(11), { id: 1, amount: -150n, gone: false }),
        lakeRow('d', at(12), { id: 2 }),
        lakeRow('t', at(13)),
      ],
    },
    {
      schema: SECOND,
      rows: [
        { ...lakeRow('c', at(21), { id: 2n ** 62n, amount: 10n ** 37n, due: -1n }), unchanged: 'value' },
        lakeRow('u', at(30), { id: 3n, amount: null, due: null }),
      ],
    },
  ],
}
const AGO = '2023-11-14 22:13:20.000000'
const DEFAULT = '2026-01-02 03:04:05.678901'
const LINES = [
  `r | ${cut(10)} | ␀ | ␀ | 1 | 1.0000 | ${DEFAULT}`,
  `r | ${cut(10)} | ␀ | ␀ | 2 | 2.0000 | ${DEFAULT}`,
  `u | ${at(11)} | ${AGO} | ␀ | 1 | -1.5000 | ${DEFAULT}`,
  `d | ${at(12)} | ${AGO} | ␀ | 2 | ␀ | ␀`,
  `t | ${at(13)} | ${AGO} | ␀ | ␀ | ␀ | ␀`,
  `c | ${at(21)} | ${AGO} | value | 4611686018427387904 | 1000000000000000000000000000000000.0000 | 1969-12-31 23:59:59.999999`,
  `u | ${at(30)} | ${AGO} | ␀ | 3 | ␀ | ␀`,
]

export function changeReaderContract(name: string, open: (given: Given) => Promise<ChangeReaderSubject>): void {
  describe(`change reader contract: ${name}`, () => {
    type Request = Partial<Parameters<ChangeReader['read']>[0]>
    const read = async (reader: ChangeReader, request: Request = {}, abort = signal): Promise<readonly string[]> => {
      const lines: string[] = []
      for await (const batch of reader.read({ table: LOAN, after: null, before: null, ...request }, abort)) {
        lines.push(...batchLines(batch))
      }
      return lines
    }

    test('it yields the base, then the changes above the boundary, in position order, under the newest schema', async () => {
      await using subject = await open(GIVEN)
      expect(await read(subject.reader)).toEqual(LINES)
      expect(await subject.reader.head(signal)).toBe(cut(40))
      expect(await subject.reader.schema(LOAN, signal)).toEqual(SECOND)
    })

    test('batches name and type their columns as the source does', async () => {
      await using subject = await open(GIVEN)
      for await (const batch of subject.reader.read({ table: LOAN, after: null, before: null }, signal)) {
        expect(batch.schema.fields.map((field) => `${field.name}: ${field.type}`)).toEqual([
          '_op: Utf8',
          '_position: Utf8',
          '_source_committed_at: Timestamp<MICROSECOND, UTC>',
          '_unchanged: Utf8',
          'id: Int64',
          'value: Decimal[38e+4]',
          'due: Timestamp<MICROSECOND, UTC>',
        ])
      }
    })

    test('after and before are exclusive and cut everywhere, also inside a file', async () => {
      await using subject = await open(GIVEN)
      expect(await read(subject.reader, { after: cut(10) })).toEqual(LINES.slice(2))
      expect(await read(subject.reader, { after: at(12) })).toEqual(LINES.slice(4))
      expect(await read(subject.reader, { before: at(12) })).toEqual(LINES.slice(0, 3))
      expect(await read(subject.reader, { after: at(11), before: at(30) })).toEqual(LINES.slice(3, 6))
      expect(await read(subject.reader, { after: at(30) })).toEqual([])
    })

    test('columns are chosen by their source names; the metadata columns are always there', async () => {
      await using subject = await open(GIVEN)
      expect(await read(subject.reader, { columns: ['value'], after: at(13) })).toEqual([
        `c | ${at(21)} | ${AGO} | value | 1000000000000000000000000000000000.0000`,
        `u | ${at(30)} | ${AGO} | ␀ | ␀`,
      ])
      const error: unknown = await read(subject.reader, { columns: ['gone'] }).catch((reason: unknown) => reason)
      expect(error).toBeInstanceOf(ConnectorError)
      expect((error as ConnectorError).code).toBe('NOT_FOUND')
    })

    test('a table that is not in the lake has no schema and cannot be read', async () => {
      await using subject = await open(GIVEN)
      const table = 'public.nobody' as TableName
      expect(await subject.reader.schema(table, signal)).toBeNull()
      const error: unknown = await read(subject.reader, { table }).catch((reason: unknown) => reason)
      expect((error as ConnectorError).code).toBe('NOT_FOUND')
    })

    test('a large table comes in batches of bounded size', async () => {
      const rows = Array.from({ length: 40_000 }, (_, id) => lakeRow('r', cut(10), { id, amount: 1n, gone: null }))
      await using subject = await open({ ...GIVEN, schema: FIRST, base: [{ schema: FIRST, rows }], changes: [] })
      const sizes: number[] = []
      for await (const batch of subject.reader.read({ table: LOAN, after: null, before: null }, signal)) sizes.push(batch.numRows)
      expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(40_000)
      expect(Math.max(...sizes)).toBeLessThanOrEqual(16_384)
    })

    test('an aborted read rejects', async () => {
      await using subject = await open(GIVEN)
      await expect(read(subject.reader, {}, AbortSignal.abort())).rejects.toThrow()
    })
  })
}
