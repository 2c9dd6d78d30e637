/** `portage features verify`: the engine, replayed from the lake, against the generated SQL over the same commit. */
import { canonicalJson } from '../features/canonical.ts'
import { openEngine } from '../features/engine.ts'
import { catchUp } from '../features/feed.ts'
import { instantText } from '../features/instant.ts'
import { asofSql } from '../features/sql/asof.ts'
import { duckdb, textLiteral } from '../features/sql/dialect.ts'
import type { CommandContext } from './command-context.ts'
import { EXIT } from './exit-codes.ts'
import { openFeatureLake } from './features-lake.ts'
import { featureValues } from './features-sql.ts'
import { findView } from './features-view.ts'
import { batchRecords } from './format/batch-records.ts'
import { counted } from './format/quantities.ts'
import { printJson } from './output.ts'

export type VerifyOptions = {
  readonly view: string
  readonly integration: string | undefined
  /** Milliseconds. */
  readonly asOf: number
  /** Most entities to compare. */
  readonly sample: number
  readonly json: boolean
}

/** Numerators, denominators and values must be equal; exit 4 and the entities when some are not. */
export async function verifyFeatures(context: CommandContext, options: VerifyOptions): Promise<void> {
  const { signal } = context
  const view = await findView(options.view)
  await using lake = await openFeatureLake(context, view, options.integration)
  const engine = openEngine(view)
  const position = (await catchUp(engine, lake.reader, lake.tables, null, signal)) ?? ''
  const entities = sampleOf([...engine.entities()].toSorted(), options.sample)
  const differing: string[] = []
  if (entities.length > 0) {
    await using sql = await lake.openSql()
    const spine = `select i as _row, entities[i] as entity, ${options.asOf}::bigint as as_of_ms, ${textLiteral(duckdb, position)} as known_position
  from (select [${entities.map((entity) => textLiteral(duckdb, entity)).join(', ')}] as entities), range(1, ${entities.length + 1}) t (i)`
    const body = asofSql(duckdb, { view, history: sql.history, spine, carried: ['_row'] })
    const result = await sql.warehouse.query(`with ${sql.histories.join(',\n')}\nselect * from (\n${body}\n) answers`, signal)
    const answered = new Map<string, string>()
    for await (const batch of result.batches) {
      for (const row of batchRecords(batch)) answered.set(String(row.entity), canonicalJson(featureValues(view, row)))
    }
    for (const entity of entities) {
      if (answered.get(entity) !== canonicalJson(engine.read(entity, options.asOf))) differing.push(entity)
    }
  }
  const outcome = {
    view: view.name,
    hash: engine.definition,
    as_of: instantText(options.asOf),
    position,
    compared: entities.length,
    differing,
  }
  if (options.json) await printJson(context, outcome)
  else {
    await context.print(
      `${view.name} at ${outcome.as_of}, position ${position || 'none'}: ${counted(entities.length, view.entity.name)} compared, ${differing.length} differ`,
    )
    for (const entity of differing) await context.print(entity)
  }
  if (differing.length > 0) context.exit(EXIT.difference)
}

/** Evenly over the sorted list. */
function sampleOf<T>(all: readonly T[], most: number): readonly T[] {
  if (all.length <= most) return all
  return Array.from({ length: most }, (_, index) => all[Math.floor((index * all.length) / most)] as T)
}
