import { expect, test } from 'vitest'
import { openMemoryStore } from '../../../connectors/memory/store.ts'
import type { FileEntry } from '../../../integrations/land/log/commit.ts'
import { currentRows, UnbalancedBagSignal } from '../../../integrations/maintain/current-rows.ts'
import { hashOf, KeyTable, KeyTableFullSignal, MAX_KEY_BYTES } from '../../../integrations/maintain/key-table.ts'
import { FIRST_COLUMN, fileColumns } from '../../../integrations/maintain/table-columns.ts'
import { readColumnBatches } from '../../../integrations/read/columns/column-batches.ts'
import { at, loanSchema, quietEnvironment, rowAt } from '../../support/lake.ts'
import { lakeRow, writeLakeFile } from '../../support/lake-files.ts'

const signal = new AbortController().signal

test('keys are told apart by their bytes, however many there are and whatever their hashes', () => {
  const table = new KeyTable()
  const key = new Uint8Array(12)
  const write = (n: number): number => {
    new DataView(key.buffer).setUint32(0, n)
    return 4 + (n % 9)
  }
  for (const hash of [hashOf, () => 7]) {
    const many = hash === hashOf ? 50_000 : 300
    table.clear()
    for (let n = 0; n < many; n++) {
      const length = write(n)
      expect(table.add(key, length, hash(key, length))).toEqual({ entry: n, isNew: true })
      table.set(n, n % 5, n)
    }
    for (let n = 0; n < many; n++) {
      const length = write(n)
      const entry = table.find(key, length, hash(key, length))
      if (entry !== n || table.row(entry) !== n || table.file(entry) !== n % 5) throw new Error(`key ${n} is at ${entry}`)
      expect(table.add(key, length, hash(key, length)).isNew).toBe(false)
    }
    const length = write(many)
    expect(table.find(key, length, hash(key, length))).toBe(-1)
  }
  expect(() => {
    const long = new Uint8Array(MAX_KEY_BYTES / 2)
    for (let n = 0; n < 3; n++) {
      long[0] = n + 100
      table.add(long, long.length, n)
    }
  }).toThrow(KeyTableFullSignal)
})

const schema = { ...loanSchema(), key: ['status'] }

async function lakeOf(tables: typeof schema, changes: readonly (readonly ['c' | 'u' | 'd', string | null])[]) {
  const store = openMemoryStore(quietEnvironment())
  const rows = changes.map(([op, status], place) => lakeRow(op, rowAt(place + 1, 1), { id: 1n, status }))
  const file = await writeLakeFile(store, 'f', tables, 'changes', rows)
  const open = (entry: FileEntry, names: readonly string[]) => {
    const all = fileColumns({ versions: { 1: tables } }, entry, tables)
    const columns = [...all.slice(0, FIRST_COLUMN), ...names.flatMap((name) => all.find((column) => column.name === name) ?? [])]
    return readColumnBatches({ store, file: entry, columns, verify: false, signal })
  }
  return currentRows({
    schema: tables,
    base: [],
    boundary: at(0),
    layered: false,
    changes: [file],
    through: at(999),
    open,
  })
}

test('keys that do not fit into memory together take more passes', async () => {
  const long = (n: number): string => `${n}`.padStart(1 << 20, '-')
  const changes = Array.from({ length: 70 }, (_, n) => ['c', long(n)] as const)
  const [chosen] = await lakeOf(schema, [...changes, ['d', long(3)], ['u', long(5)]])
  expect(chosen?.kept).toBe(69)
  const kept = (row: number): boolean => (((chosen?.keep[row >> 3] ?? 0) >> (row & 7)) & 1) === 1
  expect([3, 4, 5, 70, 71].map(kept)).toEqual([false, true, false, false, true])
})

test('a bag from which more was deleted than it held is not renewed', async () => {
  const bag = { ...schema, key: [] }
  expect(
    (
      await lakeOf(bag, [
        ['c', 'a'],
        ['c', 'a'],
        ['d', 'a'],
      ])
    )[0]?.kept,
  ).toBe(1)
  expect(
    (
      await lakeOf(bag, [
        ['c', null],
        ['d', null],
      ])
    )[0]?.kept,
  ).toBe(0)
  await expect(
    lakeOf(bag, [
      ['c', 'a'],
      ['d', 'b'],
    ]),
  ).rejects.toThrow(UnbalancedBagSignal)
})
