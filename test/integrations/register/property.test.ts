import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Position } from '../../../connectors/change.ts'
import { openDuckdbWarehouse } from '../../../connectors/duckdb/warehouse.ts'
import { openFilesystemStore } from '../../../connectors/filesystem/store.ts'
import { hiveWarehouse } from '../../../connectors/hive/warehouse.ts'
import { openMemoryWarehouse } from '../../../connectors/memory/warehouse.ts'
import type { ObjectStore, Warehouse } from '../../../connectors/ports.ts'
import type { FileEntry, LogState } from '../../../integrations/land/log/commit.ts'
import { registerCommit } from '../../../integrations/register/register.ts'
import { type Metastore, openMetastore } from '../../support/hive/metastore/engine.ts'
import { quietEnvironment } from '../../support/lake.ts'
import { readLakeFile, writeLakeFile } from '../../support/lake-files.ts'
import { queryRows } from '../../support/query-rows.ts'
import { tableState } from '../../support/table-state.ts'
import { type ModelFile, TableModel } from './table-model.ts'
import { applyStep, type Step, step } from './table-steps.ts'

const signal = new AbortController().signal
const PROJECTION = {
  prefix: 'hive',
  connection: 'hive',
  format: 'parquet',
  compression: 'zstd',
  targetFileBytes: 1 << 26,
} as const

describe('warehouses show what a plain model of the table holds', () => {
  let directory: string
  let store: ObjectStore
  let duckdb: Warehouse
  let memory: Warehouse
  let metastore: Metastore
  let hive: Warehouse
  let runs = 0
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'portage-property-'))
    const environment = { ...quietEnvironment(), stateDir: directory }
    store = await openFilesystemStore(join(directory, 'lake'), environment)
    duckdb = await openDuckdbWarehouse({}, environment)
    memory = openMemoryWarehouse(readLakeFile)
    metastore = openMetastore('hive')
    hive = hiveWarehouse(metastore, { dialect: 'hive', host: 'h', port: 1, s3_scheme: 's3a', proof: true })
  })
  afterAll(async () => {
    await metastore[Symbol.asyncDispose]()
    await rm(directory, { recursive: true })
  })

  /** One table's life; `integration` is its own, so that views of earlier runs cannot help. */
  class Life {
    readonly model: TableModel
    readonly integration = `run${++runs}`
    readonly #written = new Map<ModelFile, FileEntry>()
    #commit = 0

    constructor(keyed: boolean, full: boolean) {
      this.model = new TableModel(keyed, full)
    }

    async check(): Promise<void> {
      const { model, integration } = this
      const changes = await this.#entries(model.changeFiles())
      const base = await this.#entries(model.base.files)
      const { schema } = model
      const versions = { [schema.version]: schema }
      const table = tableState(schema, { boundary: model.base.boundary, files: base }, { versions, changes })
      const state: LogState = {
        number: ++this.#commit,
        position: '0001-FFFFFFFFFFFFFFFF-00000000' as Position,
        source: null,
        through: null,
        tables: { [schema.table]: table },
        counts: { transactions: 0, changes: 0, rejects: 0 },
        claim: null,
      }
      for (const warehouse of [duckdb, memory, hive]) {
        const request = { integration, schema: integration, state, store, warehouse, dryRun: false }
        await registerCommit(warehouse === hive ? { ...request, projection: PROJECTION } : request, signal)
      }
      const current = `select * from ${integration}.loan`
      expect(await queryRows(memory, current), 'memory').toEqual(model.rows())
      expect(await queryRows(duckdb, current), 'duckdb').toEqual(model.rows())
      expect(await queryRows(hive, current), 'hive').toEqual(model.rows())
      const history = `select * from ${integration}.loan_changes`
      expect(await queryRows(duckdb, history), 'history').toEqual(await queryRows(memory, history))
      expect(await queryRows(hive, history), 'history in hive').toEqual(await queryRows(memory, history))
    }

    async #entries(files: readonly ModelFile[]): Promise<readonly FileEntry[]> {
      const entries: FileEntry[] = []
      for (const file of files) {
        const key = `${this.integration}/${file.part}/${this.#written.size}.parquet`
        const known = this.#written.get(file) ?? (await writeLakeFile(store, key, file.schema, file.part, file.rows))
        this.#written.set(file, known)
        entries.push(known)
      }
      return entries
    }
  }

  const live = async (life: Life, steps: readonly Step[]): Promise<void> => {
    for (const each of steps) {
      if (each.kind === 'register') await life.check()
      else applyStep(life.model, each)
    }
    await life.check()
    await duckdb.remove({ integration: life.integration, schema: life.integration, dryRun: false }, signal)
    await hive.remove({ integration: life.integration, schema: life.integration, dryRun: false }, signal)
    await memory.remove({ integration: life.integration, schema: life.integration, dryRun: false }, signal)
  }

  test.each([
    ['a keyed table', true, false],
    ['a keyed table of full identity', true, true],
    ['a bag', false, true],
  ] as const)('%s', { timeout: 300_000 }, async (_, keyed, full) => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 60, size: 'max' }), (steps) =>
        live(new Life(keyed, full), steps),
      ),
      { numRuns: 12 },
    )
  })
})
