/** Whatever a table went through: after compaction every warehouse shows the same rows and the same history, bit for bit. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Position, TableName } from '../../../connectors/change.ts'
import { openDuckdbWarehouse } from '../../../connectors/duckdb/warehouse.ts'
import { openFilesystemStore } from '../../../connectors/filesystem/store.ts'
import { openMemoryWarehouse } from '../../../connectors/memory/warehouse.ts'
import type { ObjectStore, Warehouse } from '../../../connectors/ports.ts'
import type { FileEntry, TableCommit } from '../../../integrations/land/log/commit.ts'
import { changesKey } from '../../../integrations/land/log/keys.ts'
import { type CommitLog, openLog } from '../../../integrations/land/log/log.ts'
import { createParquetWriter } from '../../../integrations/land/parquet/writer.ts'
import { type CompactionOutcome, compactTable, type MaintenanceOptions } from '../../../integrations/maintain/compact.ts'
import { dropHistory, type HistoryOutcome } from '../../../integrations/maintain/drop-history.ts'
import { announce } from '../../../integrations/maintain/intent.ts'
import { registerCommit } from '../../../integrations/register/register.ts'
import { quietEnvironment } from '../../support/lake.ts'
import { readLakeFile, writeLakeFile } from '../../support/lake-files.ts'
import { queryRows } from '../../support/query-rows.ts'
import { type ModelFile, TableModel } from '../register/table-model.ts'
import { applyStep, type Step, step } from '../register/table-steps.ts'

const signal = new AbortController().signal
const LOAN = 'public.loan' as TableName
/** Lives per kind of table. */
const RUNS = Number(process.env.PORTAGE_MAINTAIN_RUNS ?? 3)
const PARQUET = { name: 'parquet', extension: 'parquet', createWriter: createParquetWriter } as const

describe('maintenance changes no row and no history', () => {
  let directory: string
  let store: ObjectStore
  let duckdb: Warehouse
  let memory: Warehouse
  let runs = 0
  let seeds = 0
  const totals = { merged: 0, renewed: 0, dropped: 0 }
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'portage-maintain-'))
    const environment = { ...quietEnvironment(), stateDir: directory }
    store = await openFilesystemStore(join(directory, 'lake'), environment)
    duckdb = await openDuckdbWarehouse({}, environment)
    memory = openMemoryWarehouse(readLakeFile)
  })
  afterAll(() => rm(directory, { recursive: true }))

  /** A table's life in a log of its own. */
  class Life {
    readonly model: TableModel
    readonly integration = `run${++runs}`
    readonly #written = new Map<ModelFile, FileEntry>()
    #log: CommitLog | null = null
    #versions = 0
    #base: object | null = null
    #generation = 0

    constructor(keyed: boolean, full: boolean) {
      this.model = new TableModel(keyed, full)
    }

    open(role: 'run' | 'maintenance'): Promise<CommitLog> {
      const environment = quietEnvironment(++seeds * 7919)
      return openLog({ store, prefix: 'raw', integration: this.integration, environment, by: 'test', role, signal })
    }

    async log(): Promise<CommitLog> {
      if (this.#log === null) {
        this.#log = await this.open('run')
        await this.#log.claim(signal)
      }
      return this.#log
    }

    /** Commits what happened since the last time, as a run would. */
    async sync(): Promise<Position> {
      const log = await this.log()
      const { model } = this
      const changes = model.changeFiles()
      for (const schema of model.versions.slice(this.#versions)) await this.#append('schema', { schema })
      this.#versions = model.versions.length
      const cut = model.cut()
      const added: FileEntry[] = []
      for (const file of changes) if (!this.#written.has(file)) added.push(await this.#entry(file))
      if (added.length > 0) await this.#append('changes', { added })
      if (this.#base !== model.base || this.#generation === 0) {
        this.#base = model.base
        const base: FileEntry[] = []
        for (const file of model.base.files) if (file.rows.length > 0) base.push(await this.#entry(file))
        const plan = [
          { id: 'low', from: null, to: null, by: 'x' },
          ...base.map(({ key }) => ({ id: key, from: null, to: null, by: 'x' })),
        ]
        const done = Object.fromEntries([
          ['low', model.base.boundary],
          ...base.map(({ key, minPosition }) => [key, minPosition] as const),
        ])
        const start = { storage: '1', plan }
        await this.#append('snapshot', { added: base, snapshot: { generation: ++this.#generation, start, done, complete: true } })
      }
      await log.append(() => ({ kind: 'heartbeat', position: cut }), signal)
      return cut
    }

    async #append(kind: 'schema' | 'changes' | 'snapshot', change: TableCommit): Promise<void> {
      await (await this.log()).append(() => ({ kind, tables: { [LOAN]: change } }), signal)
    }

    async #entry(file: ModelFile): Promise<FileEntry> {
      const part = this.#written.size
      const place = { prefix: 'raw', integration: this.integration }
      // Two days, so that partitions meet.
      const date = part % 5 < 3 ? '2026-01-01' : '2026-01-02'
      const key =
        file.part === 'changes'
          ? changesKey(place, LOAN, date, { commit: part, writer: 'r0', part, extension: 'parquet' })
          : `raw/${this.integration}/base-${part}.parquet`
      const entry = await writeLakeFile(store, key, file.schema, file.part, file.rows)
      this.#written.set(file, entry)
      return entry
    }

    /** Rows and history as both warehouses show them now. */
    async look(): Promise<{ readonly rows: readonly string[]; readonly history: readonly string[] }> {
      const { integration, model } = this
      const state = await (await this.log()).refresh(signal)
      for (const warehouse of [duckdb, memory]) {
        await registerCommit({ integration, schema: integration, state, store, warehouse, dryRun: false }, signal)
      }
      const current = `select * from ${integration}.loan`
      const rows = await queryRows(memory, current)
      expect(await queryRows(duckdb, current), 'duckdb').toEqual(rows)
      expect(rows, 'model').toEqual(model.rows())
      const changes = `select * from ${integration}.loan_changes`
      const history = await queryRows(memory, changes)
      expect(await queryRows(duckdb, changes), 'history').toEqual(history)
      return { rows, history }
    }

    async #maintain<T>(work: (options: MaintenanceOptions) => Promise<T>): Promise<T> {
      const log = await this.open('maintenance')
      const environment = quietEnvironment()
      const intent = await announce(log, environment, signal)
      return await work({
        store,
        log,
        intent,
        environment,
        format: PARQUET,
        compression: 'zstd',
        targetFileBytes: 1 << 20,
        unstated: () => new Set(),
        onProgress: () => undefined,
        maxKeys: 5,
        signal,
      })
    }

    compact(minFiles: number): Promise<CompactionOutcome> {
      const policy = { minFiles, targetFileBytes: 1 << 20, olderThanMs: 0, renew: 'always' } as const
      return this.#maintain((options) => compactTable(LOAN, policy, options))
    }

    dropHistory(cut: Position): Promise<HistoryOutcome> {
      return this.#maintain((options) => dropHistory(LOAN, cut, options))
    }

    async close(): Promise<void> {
      for (const warehouse of [duckdb, memory]) {
        await warehouse.remove({ integration: this.integration, schema: this.integration, dryRun: false }, signal)
      }
    }
  }

  const live = async (life: Life, steps: readonly Step[]): Promise<void> => {
    let cut: Position | null = null
    const look = { kind: 'register' } as const
    const half = steps.length >> 1
    for (const each of [...steps.slice(0, half), look, ...steps.slice(half), look]) {
      if (each.kind !== 'register') {
        applyStep(life.model, each)
        continue
      }
      const early: Position | null = cut
      cut = await life.sync()
      const before = await life.look()
      const { merged, renewed, givenUp, why } = await life.compact(2)
      expect(givenUp).toBeNull()
      expect([null, 'nothing has changed since the base']).toContain(why)
      totals.merged += merged.files
      if (renewed !== null) totals.renewed++
      expect(await life.look()).toEqual(before)
      if (early === null) continue
      const { from } = await life.dropHistory(early)
      if (from !== null) totals.dropped++
      const { rows, history } = await life.look()
      expect(rows).toEqual(before.rows)
      // Every later change is still there.
      for (const row of before.history) if (position(row) > early) expect(history).toContain(row)
    }
    await life.close()
  }

  const position = (row: string): string => row.split(' | ')[1] ?? ''

  test.each([
    ['a keyed table', true, false],
    ['a keyed table of full identity', true, true],
    ['a bag', false, true],
  ] as const)('%s', { timeout: 300_000 }, async (_, keyed, full) => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 60, size: 'max' }), (steps) =>
        live(new Life(keyed, full), steps),
      ),
      { numRuns: RUNS },
    )
  })

  test('and it had something to do', () => {
    for (const total of Object.values(totals)) expect(total).toBeGreaterThan(0)
  })
})
