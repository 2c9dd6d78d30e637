/** Tables as of earlier cuts, whatever happened since: our reader and DuckDB against a plain model of the table. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Position, TableSchema } from '../../../connectors/change.ts'
import { openDuckdbWarehouse } from '../../../connectors/duckdb/warehouse.ts'
import { openFilesystemStore } from '../../../connectors/filesystem/store.ts'
import { typeName } from '../../../connectors/logical-type.ts'
import type { ObjectStore, Warehouse } from '../../../connectors/ports.ts'
import { sourceTableOf } from '../../../integrations/capture/physical-columns.ts'
import type { FileEntry, LogState } from '../../../integrations/land/log/commit.ts'
import { asOfSql } from '../../../integrations/reconcile/as-of-sql.ts'
import { comparedTable } from '../../../integrations/reconcile/compared-table.ts'
import { lakeView, scanLake } from '../../../integrations/reconcile/lake-rows.ts'
import { fieldsOf } from '../../../integrations/reconcile/row-text.ts'
import { collectRows, EVERY_KEY } from '../../../integrations/reconcile/sinks.ts'
import { registerCommit } from '../../../integrations/register/register.ts'
import { registrationOf } from '../../../integrations/register/registration.ts'
import { quietEnvironment } from '../../support/lake.ts'
import { writeLakeFile } from '../../support/lake-files.ts'
import { queryRows } from '../../support/query-rows.ts'
import { tableState } from '../../support/table-state.ts'
import { type ModelFile, TableModel } from '../register/table-model.ts'
import { applyStep, type Step, step } from '../register/table-steps.ts'

const signal = new AbortController().signal

type Moment = { readonly cut: Position; readonly rows: readonly string[]; readonly shape: string }

/** Two schemas show the same columns. */
const shapeOf = ({ columns }: TableSchema): string =>
  JSON.stringify(columns.filter(({ dropped }) => !dropped).map(({ id, type }) => [id, typeName(type)]))

describe('a table as of an earlier cut', () => {
  let directory: string
  let store: ObjectStore
  let duckdb: Warehouse
  let runs = 0
  let compared = 0
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'portage-as-of-'))
    const environment = { ...quietEnvironment(), stateDir: directory }
    store = await openFilesystemStore(join(directory, 'lake'), environment)
    duckdb = await openDuckdbWarehouse({}, environment)
  })
  afterAll(() => rm(directory, { recursive: true }))

  const live = async (model: TableModel, steps: readonly Step[]): Promise<void> => {
    const integration = `run${++runs}`
    const moments: Moment[] = []
    for (const each of steps) {
      if (each.kind !== 'register') applyStep(model, each)
      moments.push({ cut: model.cut(), rows: model.rows(), shape: shapeOf(model.schema) })
    }
    let written = 0
    const entries = (files: readonly ModelFile[]): Promise<readonly FileEntry[]> =>
      Promise.all(
        files
          .filter(({ rows }) => rows.length > 0)
          .map((file) =>
            writeLakeFile(store, `${integration}/${file.part}/${written++}.parquet`, file.schema, file.part, file.rows),
          ),
      )
    const { schema } = model
    const changes = await entries(model.changeFiles())
    const base = { boundary: model.base.boundary, files: await entries(model.base.files) }
    const table = tableState(schema, base, { versions: { [schema.version]: schema }, changes })
    const state: LogState = {
      number: 1,
      position: '0001-ffffffffffffffff-00000000' as Position,
      source: null,
      through: null,
      tables: { [schema.table]: table },
      counts: { transactions: 0, changes: 0, rejects: 0 },
      claim: null,
    }
    const place = { integration, schema: integration, store, dryRun: false }
    await registerCommit({ ...place, state, warehouse: duckdb }, signal)
    const [registration] = registrationOf(state, { ...place, dialect: duckdb.dialect })?.tables ?? []
    const comparable = comparedTable(sourceTableOf(schema, { storage: '1', definition: '1' }), schema)
    if (registration === undefined || 'reason' in comparable) throw new Error('nothing to compare')
    for (const { cut, rows, shape } of moments.slice(-6)) {
      const viewed = lakeView(comparable.compared, table, changes, cut)
      if (shape !== shapeOf(schema) || 'reason' in viewed) continue
      compared++
      const found = collectRows(comparable.compared, EVERY_KEY)
      await scanLake({ store, view: viewed.view, onProblem: (problem) => expect(problem).toBeNull() }, found.sink, signal)
      const texts = [...found.rows.values()].flatMap((all) => {
        const counts = new Map<string, number>()
        for (const { fields, sign } of all) {
          const text = fields.map((field) => fieldsOf(field)[0] ?? '␀').join(' | ')
          counts.set(text, (counts.get(text) ?? 0) + sign)
        }
        return [...counts].flatMap(([text, count]) => new Array<string>(count).fill(text))
      })
      expect(texts.toSorted(), 'our reader').toEqual(rows)
      expect(await queryRows(duckdb, asOfSql(registration, integration, cut, duckdb.dialect)), 'duckdb').toEqual(rows)
    }
    await duckdb.remove({ integration, schema: integration, dryRun: false }, signal)
  }

  test.each([
    ['of a keyed table', true, false],
    ['of a keyed table of full identity', true, true],
    ['of a bag', false, true],
  ] as const)('%s', { timeout: 300_000 }, async (_, keyed, full) => {
    compared = 0
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40, size: 'max' }), (steps) =>
        live(new TableModel(keyed, full), steps),
      ),
      { numRuns: 10 },
    )
    expect(compared).toBeGreaterThan(5)
  })
})
