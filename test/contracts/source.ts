/** What every `Source` must do. A connector's test calls `sourceContract` with a way to open an empty database. */
import { describe, expect, test } from 'vitest'
import type { Position } from '../../connectors/change.ts'
import { ConnectorError } from '../../connectors/errors.ts'
import type { PrepareRequest, Source } from '../../connectors/ports.ts'
import { drain, EAGER, NO_FLUSH, readSet, readSnapshot, replicate, type SeenSet, schemasOf } from '../support/source-rows.ts'
import { sourceChecksumTests } from './source-checksums.ts'

export type SourceValues = Readonly<Record<string, number | string | null>>

/** What the contract asks of a database; `int` is a 64-bit integer. */
export type SourceStep =
  | {
      readonly do: 'create'
      readonly table: string
      readonly columns: Readonly<Record<string, 'int' | 'text'>>
      readonly key: readonly string[]
    }
  | { readonly do: 'insert'; readonly table: string; readonly rows: readonly SourceValues[] }
  /** Rows `{id, name: 'row <id>'}`. */
  | { readonly do: 'fill'; readonly table: string; readonly from: number; readonly count: number }
  | { readonly do: 'update'; readonly table: string; readonly where: SourceValues; readonly set: SourceValues }
  | { readonly do: 'delete'; readonly table: string; readonly where: SourceValues }
  | { readonly do: 'truncate'; readonly table: string }
  | {
      readonly do: 'add'
      readonly table: string
      readonly column: string
      readonly type: 'int' | 'text'
      readonly initial?: string
    }
  | { readonly do: 'drop'; readonly table: string; readonly column: string }
  | { readonly do: 'rename'; readonly table: string; readonly column: string; readonly to: string }

/** An empty database whose scope is `public.*` but not `public.ignored`. */
export type SourceSubject = AsyncDisposable & {
  readonly source: Source
  /** The same scope as another process would open it; the caller disposes it. */
  readonly another: () => Promise<Source>
  /** Runs the steps in one transaction. */
  readonly run: (...steps: readonly SourceStep[]) => Promise<void>
  /** Current rows, every value as text. */
  readonly contents: (table: string) => Promise<readonly Readonly<Record<string, string | null>>[]>
  /** Gives the table new storage without changing a row. */
  readonly rewrite: (table: string) => Promise<void>
}

const FIRST: PrepareRequest = { from: null, identity: null, epoch: 1, takeOver: false }
const live = () => new AbortController().signal
const code = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'no error',
    (error: unknown) => (error instanceof ConnectorError ? error.code : String(error)),
  )

const LOAN: SourceStep = { do: 'create', table: 'public.loan', columns: { id: 'int', name: 'text' }, key: ['id'] }
const prepared = (source: Source, request: Partial<PrepareRequest> = {}) =>
  source.prepare({ ...FIRST, ...request }, live(), () => {})

const rowsOf = (sets: readonly SeenSet[]) => sets.flatMap((set) => set.rows)
const brief = (sets: readonly SeenSet[]) => rowsOf(sets).map((row) => [row.table.slice(7), row.op, row.values[1], row.values[2]])

export function sourceContract(name: string, open: () => Promise<SourceSubject>): void {
  describe(`source contract: ${name}`, () => {
    test('a snapshot and the changes after its position make the table, whatever happened meanwhile', async () => {
      await using subject = await open()
      const { source } = subject
      await subject.run(LOAN, { do: 'fill', table: 'public.loan', from: 1, count: 50 })
      const { start, tables } = await prepared(source)
      await subject.run({ do: 'update', table: 'public.loan', where: { id: 1 }, set: { name: 'before' } })
      await using snapshot = await source.holdSnapshot(live(), () => {})
      await subject.run({ do: 'update', table: 'public.loan', where: { id: 2 }, set: { name: 'after' } })
      await subject.run({ do: 'delete', table: 'public.loan', where: { id: 3 } })
      const base = await readSnapshot(source, snapshot, 'public.loan')
      await subject.run({ do: 'insert', table: 'public.loan', rows: [{ id: 99, name: 'late' }] })
      expect(base).toHaveLength(50)
      expect(base.every((row) => row.op === 'r' && row.position === snapshot.position && row.committedAt === null)).toBe(true)
      const sets = await drain(source, { from: start, known: tables })
      const changes = rowsOf(sets).filter((row) => row.position > snapshot.position)
      const replica = [...replicate(base, changes, 1).values()].map((values) => ({ id: values[1], name: values[2] }))
      const byId = (
        a: Readonly<Record<string, string | null | undefined>>,
        b: Readonly<Record<string, string | null | undefined>>,
      ) => Number(a.id) - Number(b.id)
      expect(replica.sort(byId)).toEqual([...(await subject.contents('public.loan'))].sort(byId))
      // What committed before the snapshot is below its position and in its rows.
      expect(rowsOf(sets).filter((row) => row.position < snapshot.position)).toHaveLength(1)
      expect(base.find((row) => row.values[1] === '1')?.values[2]).toBe('before')
    })

    test('every change arrives once and in order from any cut, transactions whole', async () => {
      await using subject = await open()
      const { source } = subject
      await subject.run(LOAN)
      const { start } = await prepared(source)
      for (let i = 0; i < 4; i++) {
        await subject.run(
          { do: 'insert', table: 'public.loan', rows: [{ id: 2 * i, name: 'a' }] },
          { do: 'insert', table: 'public.loan', rows: [{ id: 2 * i + 1, name: 'b' }] },
        )
      }
      const head = await source.head(live())
      const sets = await drain(source, { from: start, flush: EAGER }, head)
      const all = rowsOf(sets)
      expect(all.map((row) => row.values[1])).toEqual(['0', '1', '2', '3', '4', '5', '6', '7'])
      expect(all.map((row) => row.position)).toEqual([...new Set(all.map((row) => row.position))].sort())
      for (const set of sets) {
        expect(set.rows.length % 2).toBe(0)
        const { cut } = set
        if (cut === null) throw new Error('a small transaction was split')
        expect(set.rows.every((row) => row.position < cut)).toBe(true)
        const rest = rowsOf(await drain(source, { from: cut, flush: EAGER }, head))
        expect(rest.map((row) => row.position)).toEqual(all.filter((row) => row.position > cut).map((row) => row.position))
      }
    })

    test('nothing is dropped before it is acknowledged, and an acknowledged slot refuses an older start', async () => {
      await using subject = await open()
      const { source } = subject
      await subject.run(LOAN)
      const { start } = await prepared(source)
      await subject.run({ do: 'insert', table: 'public.loan', rows: [{ id: 1, name: 'a' }] })
      const stop = new AbortController()
      const follow = source.follow({ from: start, known: [], flush: EAGER, heartbeatMs: 0 }, stop.signal)[Symbol.asyncIterator]()
      let cut: Position = start
      for (let rows = 0; rows === 0; ) {
        const { value } = await follow.next()
        rows = readSet(value).rows.length
        cut = value.cut
      }
      expect((await source.health(live())).acknowledged).toBe(start)
      await source.acknowledge(cut)
      await expect.poll(async () => (await source.health(live())).acknowledged).toBe(cut)
      stop.abort()
      expect(await code(follow.next())).toBe('ABORTED')
      await source[Symbol.asyncDispose]()
      const next = await subject.another()
      expect(await code(prepared(next, { from: start, takeOver: true }))).toBe('SLOT_AHEAD')
      expect((await prepared(next, { from: cut, takeOver: true })).start).toBe(cut)
      await next[Symbol.asyncDispose]()
    })

    test('a transaction larger than a batch comes in pieces without a cut until its last', async () => {
      await using subject = await open()
      const { source } = subject
      await subject.run(LOAN)
      const { start } = await prepared(source)
      await subject.run({ do: 'insert', table: 'public.loan', rows: [{ id: 0, name: 'before' }] })
      await subject.run({ do: 'fill', table: 'public.loan', from: 1, count: 70_000 })
      const sets = await drain(source, { from: start, flush: EAGER })
      const rows = rowsOf(sets)
      expect(rows).toHaveLength(70_001)
      expect(new Set(rows.map((row) => row.position)).size).toBe(70_001)
      expect(sets.flatMap((set) => set.batchRows).every((count) => count <= 65_536)).toBe(true)
      expect(sets.filter((set) => set.cut === null).length).toBeGreaterThan(0)
      expect(sets.at(-1)?.cut).not.toBeNull()
      // The pieces of a transaction share everything of a position but the ordinal.
      expect(new Set(rows.slice(1).map((row) => row.position.slice(0, -9))).size).toBe(1)
    })

    test('a schema comes before the first row that needs it; columns keep their ids', async () => {
      await using subject = await open()
      const { source } = subject
      await subject.run(LOAN)
      const { start, tables } = await prepared(source)
      await subject.run({ do: 'insert', table: 'public.loan', rows: [{ id: 1, name: 'a' }] })
      const first = await drain(source, { from: start, known: tables })
      expect(schemasOf(first)).toEqual([])
      const cut = first.at(-1)?.cut ?? start
      await subject.run({ do: 'add', table: 'public.loan', column: 'note', type: 'text', initial: 'none' })
      await subject.run({ do: 'insert', table: 'public.loan', rows: [{ id: 2, name: 'b', note: 'n' }] })
      const second = await drain(source, { from: cut, known: tables })
      const [added] = schemasOf(second)
      expect(added?.rewritten).toBe(false)
      expect(added?.table.columns.map((column) => [column.id, column.name])).toEqual([
        [1, 'id'],
        [2, 'name'],
        [3, 'note'],
      ])
      expect(added?.table.columns[2]?.initial).toEqual({ text: 'none' })
      const [row] = rowsOf(second)
      expect(row?.values).toEqual({ 1: '2', 2: 'b', 3: 'n' })
      expect(added !== undefined && row !== undefined && added.position <= row.position && added.position > cut).toBe(true)
      const known = [added?.table].filter((table) => table !== undefined)
      await subject.run({ do: 'rename', table: 'public.loan', column: 'name', to: 'title' })
      await subject.run({ do: 'drop', table: 'public.loan', column: 'note' })
      await subject.run({ do: 'insert', table: 'public.loan', rows: [{ id: 3, title: 'c' }] })
      const third = await drain(source, { from: second.at(-1)?.cut ?? cut, known })
      expect(schemasOf(third).map((change) => change.table.columns.map((column) => [column.id, column.name]))).toEqual([
        [
          [1, 'id'],
          [2, 'title'],
        ],
      ])
      expect(rowsOf(third)[0]?.values).toEqual({ 1: '3', 2: 'c' })
    })

    test('a changed key is a delete and an update, a truncate one row per table, a delete carries its key', async () => {
      await using subject = await open()
      const { source } = subject
      await subject.run(LOAN, { ...LOAN, table: 'public.client' }, { ...LOAN, table: 'public.ignored' })
      const { start } = await prepared(source)
      await subject.run(
        { do: 'insert', table: 'public.loan', rows: [{ id: 1, name: 'a' }] },
        { do: 'insert', table: 'public.ignored', rows: [{ id: 1, name: 'a' }] },
        { do: 'update', table: 'public.loan', where: { id: 1 }, set: { id: 5 } },
        { do: 'delete', table: 'public.loan', where: { id: 5 } },
        { do: 'insert', table: 'public.client', rows: [{ id: 7, name: null }] },
      )
      await subject.run({ do: 'truncate', table: 'public.loan' })
      expect(brief(await drain(source, { from: start }))).toEqual([
        ['loan', 'c', '1', 'a'],
        ['loan', 'd', '1', null],
        ['loan', 'u', '5', 'a'],
        ['loan', 'd', '5', null],
        ['client', 'c', '7', null],
        ['loan', 't', null, null],
      ])
    })

    test('a table without a key changes by whole rows', async () => {
      await using subject = await open()
      const { source } = subject
      await subject.run({ do: 'create', table: 'public.event', columns: { id: 'int', name: 'text' }, key: [] })
      const { start, tables } = await prepared(source)
      expect(tables[0]?.key).toEqual([])
      await subject.run({ do: 'insert', table: 'public.event', rows: [{ id: 1, name: 'a' }] })
      await subject.run({ do: 'update', table: 'public.event', where: { id: 1 }, set: { name: 'b' } })
      await subject.run({ do: 'delete', table: 'public.event', where: { id: 1 } })
      expect(brief(await drain(source, { from: start }))).toEqual([
        ['event', 'c', '1', 'a'],
        ['event', 'd', '1', 'a'],
        ['event', 'u', '1', 'b'],
        ['event', 'd', '1', 'b'],
      ])
    })

    test('a chunk of a table that was rewritten is refused, and so is a snapshot that is gone', async () => {
      await using subject = await open()
      const { source } = subject
      await subject.run(LOAN, { do: 'fill', table: 'public.loan', from: 1, count: 10 })
      const { tables } = await prepared(source)
      const [table] = tables
      if (table === undefined) throw new Error('no table')
      const chunks = await source.planChunks(table, live())
      const snapshot = await source.holdSnapshot(live(), () => {})
      const read = async (signal = live()) => {
        let rows = 0
        for (const chunk of chunks) {
          const request = { table, chunk, token: snapshot.token, position: snapshot.position, onReject: () => {} }
          for await (const batch of source.readChunk(request, signal)) {
            rows += batch.batch.numRows
            batch.release()
          }
        }
        return rows
      }
      expect(await read()).toBe(10)
      expect(await code(read(AbortSignal.abort()))).toBe('ABORTED')
      await subject.rewrite('public.loan')
      expect(await code(read())).toBe('TABLE_REWRITTEN')
      await snapshot[Symbol.asyncDispose]()
      expect(await code(read())).toMatch(/^(SNAPSHOT_GONE|TABLE_REWRITTEN)$/)
    })

    test('a second process is refused while the first follows, or takes over and ends it', async () => {
      await using subject = await open()
      const { source } = subject
      await subject.run(LOAN)
      const { start } = await prepared(source)
      const follow = source.follow({ from: start, known: [], flush: EAGER, heartbeatMs: 0 }, live())[Symbol.asyncIterator]()
      await follow.next()
      const ended = code(follow.next())
      const second = await subject.another()
      expect(await code(prepared(second))).toBe('SLOT_IN_USE')
      expect((await prepared(second, { takeOver: true })).start).toBe(start)
      await subject.run({ do: 'insert', table: 'public.loan', rows: [{ id: 1, name: 'a' }] })
      expect(rowsOf(await drain(second, { from: start }))).toHaveLength(1)
      expect(['UNAVAILABLE', 'CONNECTION']).toContain(await ended)
      await second[Symbol.asyncDispose]()
    })

    test('an idle source says that it is current and beats', async () => {
      await using subject = await open()
      const { source } = subject
      await subject.run(LOAN)
      const { start } = await prepared(source)
      const stop = new AbortController()
      const cuts: (Position | null)[] = []
      let current = false
      for await (const set of source.follow({ from: start, known: [], flush: NO_FLUSH, heartbeatMs: 30 }, stop.signal)) {
        expect(set.changes).toBe(0)
        current ||= set.current
        cuts.push(set.cut)
        if (cuts.length >= 3 && current) break
      }
      expect(cuts.every((cut) => cut !== null && cut >= start)).toBe(true)
    })

    test('another server is refused, and a removed slot cannot be continued', async () => {
      await using subject = await open()
      const { source } = subject
      await subject.run(LOAN)
      const { start, identity } = await prepared(source)
      expect(await code(prepared(source, { identity: { ...identity, system: 'other' } }))).toBe('SOURCE_CHANGED')
      expect(await code(prepared(source, { identity: { ...identity, timeline: 99 } }))).toBe('SOURCE_CHANGED')
      const planned = await source.remove({ dryRun: true }, live())
      expect(planned.length).toBeGreaterThan(0)
      expect(await code(prepared(source, { from: start }))).toBe('no error')
      expect(await source.remove({ dryRun: false }, live())).toEqual(planned)
      expect(await code(prepared(source, { from: start }))).toBe('SLOT_LOST')
    })

    sourceChecksumTests(open)
  })
}
