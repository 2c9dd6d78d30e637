/** Someone else's reader, written from ARCHITECTURE.md alone, finds the source's rows in every commit. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { openFilesystemStore } from '../../connectors/filesystem/store.ts'
import type { LogicalType } from '../../connectors/logical-type.ts'
import { MemoryDatabase, type MemoryTransaction } from '../../connectors/memory/database.ts'
import { positionOf } from '../../connectors/memory/position.ts'
import { openLog } from '../../integrations/land/log/log.ts'
import { environment, LAKE, runCapture } from '../integrations/capture/capture-harness.ts'
import { python } from '../support/python.ts'

const READER = fileURLToPath(new URL('reader/read_lake.py', import.meta.url))

type Rebuilt = {
  readonly commit: number
  readonly position: string | null
  readonly tables: Readonly<
    Record<
      string,
      {
        readonly columns: readonly string[]
        readonly through: string | null
        readonly rows: readonly (readonly (string | null)[])[] | null
        readonly history: readonly (readonly [
          op: string,
          position: string,
          committedAt: string | null,
          unchanged: string | null,
          values: readonly unknown[],
        ])[]
      }
    >
  >
}

async function rebuild(directory: string, ...args: string[]): Promise<Rebuilt[]> {
  const { stdout } = await python(READER, [directory, LAKE.integration, '--prefix', LAKE.prefix, ...args])
  return stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Rebuilt)
}

/** A database that remembers what every table held at every cut. */
class RememberingDatabase extends MemoryDatabase {
  readonly past = new Map<
    string,
    ReadonlyMap<string, { readonly columns: readonly string[]; readonly rows: readonly string[] }>
  >()

  override commit(script: (transaction: MemoryTransaction) => void): void {
    super.commit(script)
    const tables = this.tables().map(({ table, columns }) => {
      const names = columns.map(({ name }) => name)
      const rows = this.contents(table).map((row) =>
        JSON.stringify(names.map((name) => (row[name] === null ? null : String(row[name])))),
      )
      return [table, { columns: names, rows: rows.sort() }] as const
    })
    this.past.set(positionOf(1, this.head, 0), new Map(tables))
  }
}

async function temporaryLake() {
  const directory = await mkdtemp(join(tmpdir(), 'portage-lake-'))
  return {
    directory,
    store: await openFilesystemStore(directory, { now: () => new Date() }),
    [Symbol.asyncDispose]: () => rm(directory, { recursive: true, force: true }),
  }
}

const INT: LogicalType = { kind: 'int32' }
const TEXT: LogicalType = { kind: 'utf8', format: 'text' }
const LOAN = 'public.loan'
const EVENT = 'public.Odd name/%'

function loanBook(): RememberingDatabase {
  const database = new RememberingDatabase()
  database.commit((t) => {
    t.createTable(LOAN, {
      columns: [
        { name: 'id', type: INT },
        { name: 'status', type: TEXT },
      ],
      key: ['id'],
    })
    t.createTable(EVENT, {
      columns: [
        { name: 'x', type: INT },
        { name: 'note', type: TEXT },
      ],
    })
    for (let id = 0; id < 20; id++) t.insert(LOAN, { id, status: `s${id}` })
    for (let x = 0; x < 12; x++) t.insert(EVENT, { x: x % 3, note: null })
  })
  return database
}

/** Compares every commit whose base is not ahead of the stream; returns how many tables were compared. */
function compare(database: RememberingDatabase, commits: readonly Rebuilt[]): number {
  let compared = 0
  for (const { position, tables } of commits) {
    const past = position === null ? undefined : database.past.get(position)
    for (const [name, { columns, rows, through }] of Object.entries(tables)) {
      const expected = past?.get(name)
      if (expected === undefined || rows === null || position === null || through === null || through > position) continue
      const order = expected.columns.map((column) => columns.indexOf(column))
      if (order.includes(-1) || columns.length !== order.length) continue
      expect(rows.map((row) => JSON.stringify(order.map((index) => row[index]))).sort()).toEqual(expected.rows)
      compared++
    }
  }
  return compared
}

describe('a reader in Python', () => {
  test('rebuilds keyed tables and bags at every commit, through every kind of change', async () => {
    await using lake = await temporaryLake()
    const database = loanBook()
    const steps: ((t: MemoryTransaction) => void)[] = [
      (t) => t.insert(LOAN, { id: 100, status: 'new' }),
      (t) => t.update(LOAN, { id: 1 }, { status: null }),
      (t) => t.update(LOAN, { id: 2 }, { id: 200 }),
      (t) => t.delete(LOAN, { id: 3 }),
      (t) => t.update(EVENT, { x: 1 }, { note: 'seen' }),
      (t) => t.delete(EVENT, { x: 2 }),
      (t) => {
        t.addColumn(LOAN, { name: 'grade', type: TEXT, initial: 'C' })
        t.insert(LOAN, { id: 300, status: 'x', grade: 'A' })
      },
      (t) => {
        t.addColumn(EVENT, { name: 'kind', type: INT, initial: '7' })
        t.insert(EVENT, { x: 9, note: 'n', kind: 1 })
      },
      (t) => t.delete(EVENT, { x: 0 }),
      (t) => {
        t.renameColumn(LOAN, 'status', 'state')
        t.update(LOAN, { id: 100 }, { state: 'renamed' })
      },
      (t) => {
        t.dropColumn(LOAN, 'grade')
        t.update(LOAN, { id: 5 }, { state: 'after drop' })
      },
      (t) => {
        t.truncate(LOAN)
        t.insert(LOAN, { id: 1, state: 'again' })
      },
      (t) => t.truncate(EVENT),
      (t) => t.insert(EVENT, { x: 5, note: 'last', kind: 8 }),
    ]
    await runCapture(database, lake.store)
    for (const step of steps) {
      database.commit(step)
      await runCapture(database, lake.store)
    }
    const log = await openLog({ store: lake.store, ...LAKE, environment, by: 'test', signal: AbortSignal.timeout(20_000) })
    // Beyond the first live list, which the reader compares with the commits before it.
    while (log.state().number < 101) await log.claim(AbortSignal.timeout(20_000))
    expect(
      await lake.store.head(`${LAKE.prefix}/_portage/${LAKE.integration}/live/${'100'.padStart(20, '0')}.json`),
    ).not.toBeNull()
    const commits = await rebuild(lake.directory)
    expect(compare(database, commits)).toBeGreaterThan(2 * steps.length)
    const newest = commits.at(-1)?.tables[LOAN]
    expect(newest?.rows).toEqual([['1', 'again']])
    expect(newest?.history.filter(([op]) => op === 'r')).toHaveLength(20)
    expect(newest?.history.filter(([op]) => op !== 'r').map(([op]) => op)).toEqual([
      'c',
      'u',
      'd',
      'u',
      'd',
      'c',
      'u',
      'u',
      't',
      'c',
    ])
    const [at] = await rebuild(lake.directory, '--at', '9')
    expect(at).toEqual(commits[8])
  })

  test('finds what a resync under load left, once', async () => {
    await using lake = await temporaryLake()
    const database = loanBook()
    await runCapture(database, lake.store)
    database.commit((t) => t.retypeColumn(LOAN, 'status', INT, () => 1))
    let next = 1_000
    await runCapture(database, lake.store, {
      onEvent: ({ kind }) => {
        if (kind !== 'snapshot' || next > 1_040) return
        database.commit((t) => {
          t.insert(LOAN, { id: next++, status: 5 })
          t.delete(LOAN, { id: next - 1_010 })
        })
      },
    })
    await runCapture(database, lake.store)
    const [newest] = await rebuild(lake.directory, '--newest')
    expect(newest).toBeDefined()
    expect(compare(database, newest === undefined ? [] : [newest])).toBe(2)
  })

  test('notices a changed byte and a missing commit', async () => {
    await using lake = await temporaryLake()
    await runCapture(loanBook(), lake.store)
    const [newest] = await rebuild(lake.directory, '--newest')
    const keys: string[] = []
    for await (const { key } of lake.store.list(`${LAKE.prefix}/${LAKE.integration}/${LOAN}/base/`)) keys.push(key)
    const path = lake.store.address(keys[0] ?? '')
    const bytes = await readFile(path)
    const damaged = Uint8Array.from(bytes)
    damaged[bytes.length - 20] = (bytes[bytes.length - 20] ?? 0) ^ 1
    await writeFile(path, damaged)
    await expect(rebuild(lake.directory, '--newest')).rejects.toThrow('has another checksum than its entry')
    await writeFile(path, bytes)
    await rm(lake.store.address(`${LAKE.prefix}/_portage/${LAKE.integration}/log/00000000000000000002.json`))
    await expect(rebuild(lake.directory, '--newest')).rejects.toThrow('commit 2 is missing')
    expect(newest?.commit).toBeGreaterThan(2)
  })
})
