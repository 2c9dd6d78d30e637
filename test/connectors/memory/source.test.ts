import { describe, expect, it } from 'vitest'
import { type ChangeSet, METADATA_COLUMNS } from '../../../connectors/change.ts'
import { MemoryDatabase, type MemoryRow, type MemoryTransaction } from '../../../connectors/memory/database.ts'
import { createMemorySource } from '../../../connectors/memory/source.ts'
import { type SourceStep, type SourceSubject, type SourceValues, sourceContract } from '../../contracts/source.ts'

const INT = { kind: 'int64' } as const
const TEXT = { kind: 'utf8', format: 'text' } as const

describe('the in-memory source', () => {
  it('hands over what its script committed, in order, with readable batches of every logical type', async () => {
    await using source = createMemorySource()
    const signal = new AbortController().signal
    source.database.commit((tx) =>
      tx.createTable('public.all', {
        columns: [
          { name: 'id', type: INT },
          { name: 'b', type: { kind: 'bool' } },
          { name: 'i2', type: { kind: 'int16' } },
          { name: 'f8', type: { kind: 'float64' } },
          { name: 'n', type: { kind: 'decimal', precision: 12, scale: 2 } },
          { name: 't', type: TEXT },
          { name: 'raw', type: { kind: 'binary' } },
          { name: 'd', type: { kind: 'date' } },
          { name: 'ts', type: { kind: 'timestamp', utc: true } },
        ],
        key: ['id'],
      }),
    )
    const { start, tables } = await source.prepare({ from: null, identity: null, epoch: 1, takeOver: false }, signal, () => {})
    source.database.commit((tx) =>
      tx.insert(
        'public.all',
        {
          id: 1n,
          b: true,
          i2: -3,
          f8: 1.5,
          n: '-12.30',
          t: 'ä',
          raw: new Uint8Array([0, 255]),
          d: '1969-12-31',
          ts: '2026-01-02T03:04:05.000006',
        },
        { id: 2 },
      ),
    )
    const [set] = await take(
      source.follow({ from: start, known: tables, flush: { intervalMs: 10, rows: 100, bytes: 1 }, heartbeatMs: 0 }, signal),
      1,
    )
    const batch = set?.batches[0]?.batch
    expect(batch?.schema.names.slice(0, 4)).toEqual([...METADATA_COLUMNS])
    const rows = batch?.toArray().map((row) => ({ ...row.toJSON() }))
    expect(rows?.[0]).toMatchObject({ _op: 'c', id: 1n, b: true, i2: -3, f8: 1.5, t: 'ä', d: new Date('1969-12-31').getTime() })
    expect(rows?.[0]?.raw).toEqual(new Uint8Array([0, 255]))
    expect(String(batch?.getChild('n')?.get(0))).toBe('-1230')
    expect(rows?.[1]).toMatchObject({ id: 2n, b: null, n: null, t: null, ts: null })
    expect(set?.current).toBe(true)
  })
})

async function take(sets: AsyncIterable<ChangeSet>, count: number): Promise<ChangeSet[]> {
  const taken: ChangeSet[] = []
  for await (const set of sets) {
    taken.push(set)
    if (taken.length === count) break
  }
  return taken
}

sourceContract('memory', async (): Promise<SourceSubject> => {
  const database = new MemoryDatabase()
  const open = () =>
    createMemorySource({ database, scope: { tables: ['public.*', '!public.ignored'] }, chunkRows: 7, maxSetRows: 65_536 })
  const source = open()
  const type = (name: 'int' | 'text') => (name === 'int' ? INT : TEXT)
  const row = (values: SourceValues): MemoryRow =>
    Object.fromEntries(Object.entries(values).map(([name, value]) => [name, typeof value === 'number' ? BigInt(value) : value]))
  return {
    source,
    another: async () => open(),
    rewrite: async (table) => database.rewrite(table),
    contents: async (table) =>
      database
        .contents(table)
        .map((found) =>
          Object.fromEntries(Object.entries(found).map(([name, value]) => [name, value === null ? null : String(value)])),
        ),
    run: async (...steps) =>
      database.commit((tx) => {
        for (const step of steps) apply(tx, step)
      }),
    [Symbol.asyncDispose]: () => source[Symbol.asyncDispose](),
  }

  function apply(tx: MemoryTransaction, step: SourceStep): void {
    switch (step.do) {
      case 'create': {
        const columns = Object.entries(step.columns).map(([name, kind]) => ({ name, type: type(kind) }))
        tx.createTable(step.table, { columns, key: step.key })
        return
      }
      case 'insert':
        tx.insert(step.table, ...step.rows.map(row))
        return
      case 'fill':
        tx.insert(
          step.table,
          ...Array.from({ length: step.count }, (_, i) => row({ id: step.from + i, name: `row ${step.from + i}` })),
        )
        return
      case 'update':
        tx.update(step.table, row(step.where), row(step.set))
        return
      case 'delete':
        tx.delete(step.table, row(step.where))
        return
      case 'truncate':
        tx.truncate(step.table)
        return
      case 'add':
        tx.addColumn(step.table, {
          name: step.column,
          type: type(step.type),
          ...(step.initial === undefined ? {} : { initial: step.initial }),
        })
        return
      case 'drop':
        tx.dropColumn(step.table, step.column)
        return
      case 'rename':
        tx.renameColumn(step.table, step.column, step.to)
        return
      default:
        step satisfies never
    }
  }
})
