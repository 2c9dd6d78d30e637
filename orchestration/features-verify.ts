/** `portage features verify`: the engine, replayed from the lake, against the generated SQL over the same commit. */
import { canonicalJson } from '../features/canonical.ts'
import { openEngine } from '../features/engine.ts'
import { catchUp } from '../features/feed.ts'
import { instantText } from '../features/instant.ts'
import { asofSql, everyOwner } from '../features/sql/asof.ts'
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

/** Values, numerators, denominators and the number of entities must be equal; exit 4 and the entities when they are not. */
export async function verifyFeatures(context: CommandContext, options: VerifyOptions): Promise<void> {
  const { signal } = context
  const view = await findView(options.view)
  await using lake = await openFeatureLake(context, view, options.integration)
  const engine = openEngine(view)
  const position = (await catchUp(engine, lake.reader, lake.tables, null, signal)) ?? ''
  const all = [...engine.entities()].toSorted()
  const entities = sampleOf(all, options.sample)
  let owners = 0
  const differing: string[] = []
  await using sql = await lake.openSql()
  const ask = async function* (select: string) {
    const result = await sql.warehouse.query(`with ${sql.histories.join(',\n')}\nselect * from (\n${select}\n) answers`, signal)
    for await (const batch of result.batches) yield* batchRecords(batch)
  }
  const moment = { asOfMs: `${options.asOf}::bigint`, position: textLiteral(duckdb, position) }
  const ownerCount = `select count(*) as owners from (${everyOwner(duckdb, { view, history: sql.history }, moment)})`
  for await (const row of ask(ownerCount)) owners = Number(row.owners)
  const list = entities.map((entity) => textLiteral(duckdb, entity)).join(', ')
  const spine = `select i as _row, entities[i] as entity, ${moment.asOfMs} as as_of_ms, ${moment.position} as known_position
  from (select [${list}]::varchar[] as entities), range(1, ${entities.length + 1}) t (i)`
  const answered = new Map<string, string>()
  for await (const row of ask(asofSql(duckdb, { view, history: sql.history, spine, carried: ['_row'] }))) {
    answered.set(String(row.entity), canonicalJson(featureValues(view, row)))
  }
  for (const entity of entities) {
    if (answered.get(entity) !== canonicalJson(engine.read(entity, options.asOf))) differing.push(entity)
  }
  const outcome = {
    view: view.name,
    hash: engine.definition,
    as_of: instantText(options.asOf),
    position,
    compared: entities.length,
    differing,
    entities: { engine: all.length, sql: owners },
  }
  if (options.json) await printJson(context, outcome)
  else {
    await context.print(
      `${view.name} at ${outcome.as_of}, position ${position || 'none'}: ${counted(entities.length, view.entity.name)} compared, ${differing.length} differ`,
    )
    if (owners !== all.length) await context.print(`the engine knows ${all.length}, SQL ${owners}`)
    for (const entity of differing) await context.print(entity)
  }
  if (differing.length > 0 || owners !== all.length) context.exit(EXIT.difference)
}

/** Evenly over the sorted list. */
function sampleOf<T>(all: readonly T[], most: number): readonly T[] {
  if (all.length <= most) return all
  return Array.from({ length: most }, (_, index) => all[Math.floor((index * all.length) / most)] as T)
}
