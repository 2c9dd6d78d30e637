/** `portage features training-set`: for every row of a spine what was known of its entity at its time. */
import { open, readFile, rename, rm } from 'node:fs/promises'
import { extname, resolve } from 'node:path'
import { valueReader } from '../connectors/column-values.ts'
import { ConnectorError } from '../connectors/errors.ts'
import type { QueryResult } from '../connectors/ports.ts'
import { definitionHash } from '../features/canonical.ts'
import type { FeatureView } from '../features/definition.ts'
import { asofColumns, asofSql } from '../features/sql/asof.ts'
import { duckdb, textLiteral } from '../features/sql/dialect.ts'
import type { CommandContext } from './command-context.ts'
import { UsageError } from './exit-codes.ts'
import { type LakeSql, openFeatureLake } from './features-lake.ts'
import { findView } from './features-view.ts'
import { counted } from './format/quantities.ts'
import { WRITERS } from './format/query-writers.ts'

export type TrainingOptions = {
  readonly view: string
  /** `.csv`, `.parquet`, or `.sql`: a select over the lake's tables. */
  readonly spine: string
  /** `.parquet` or `.arrow`. */
  readonly out: string
  readonly integration: string | undefined
  /** Columns of the spine. */
  readonly entity: string
  readonly asOf: string
  /** What is known now instead of what was known then. */
  readonly asCorrected: boolean
}

const FORMATS: Readonly<Record<string, 'parquet' | 'arrow'>> = { '.parquet': 'parquet', '.arrow': 'arrow' }

export async function writeTrainingSet(context: CommandContext, options: TrainingOptions): Promise<void> {
  const format = FORMATS[extname(options.out)]
  if (format === undefined) throw new UsageError(`--out ${options.out}: expected a name that ends in .parquet or .arrow`)
  const view = await findView(options.view)
  const spine = await spineSql(options.spine)
  await using lake = await openFeatureLake(context, view, options.integration)
  const { position } = lake.state()
  if (position === null) throw new ConnectorError('NOT_FOUND', 'The lake has no position yet: run the integration first')
  await using sql = await lake.openSql()
  const parts = trainingSql(view, sql, spine, options, position)
  const early = Number(await singleValue(await sql.warehouse.query(parts.early, context.signal)))
  if (early > 0) {
    throw new UsageError(
      `${counted(early, 'row')} of "${options.spine}" before the first change in the lake: what was known then is not there. Take it out, or ask for what is known now with --as-corrected`,
    )
  }
  const rows = await writeFile(options.out, async (write) =>
    WRITERS[format](await sql.warehouse.query(parts.rows, context.signal), { write }),
  )
  const mode = options.asCorrected ? 'as corrected: with what became known later' : 'as it was known at each time'
  await context.print(`${options.out}: ${counted(rows, 'row')}, ${mode}`)
}

async function spineSql(path: string): Promise<string> {
  const file = textLiteral(duckdb, resolve(path))
  if (extname(path) === '.csv') return `read_csv(${file})`
  if (extname(path) === '.parquet') return `read_parquet(${file})`
  if (extname(path) !== '.sql') throw new UsageError(`--spine ${path}: expected .csv, .parquet or .sql`)
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new UsageError(`"${path}" cannot be read`, { cause })
  })
  return `(${text.trim().replace(/;$/, '')})`
}

/**
 * `early`: number of rows before the lake's history. `rows`: the spine's columns in their order, then every feature with its
 * numerator and denominator, the position that was known, the mode and the definition's hash; in the spine's order.
 */
export function trainingSql(
  view: FeatureView,
  sql: Pick<LakeSql, 'histories' | 'history' | 'changes'>,
  spine: string,
  { entity, asOf, asCorrected }: Pick<TrainingOptions, 'entity' | 'asOf' | 'asCorrected'>,
  head: string,
): { readonly early: string; readonly rows: string } {
  const commits = Object.keys(view.sources).map(
    (source) =>
      `select _source_committed_at as _committed, _position from ${sql.changes(source)} where _source_committed_at is not null`,
  )
  // Snapshot rows stand at a cut itself, so the head is known as a whole.
  const position = asCorrected ? textLiteral(duckdb, head) : 'commits._position'
  const join = asCorrected ? '' : '\n  asof left join commits on raw._at >= commits._committed'
  const front = /* sql */ `with raw as materialized (
  select *, row_number() over () as _row, make_timestamp(epoch_us(${duckdb.identifier(asOf)})) as _at from ${spine}
), commits as materialized (
  select _committed, max(_position) over (order by _committed range between unbounded preceding and current row) as _position
  from (${commits.join('\n    union all ')})
  qualify row_number() over (partition by _committed order by _position desc) = 1
), known as materialized (
  select raw._row, cast(raw.${duckdb.identifier(entity)} as varchar) as entity, ${duckdb.milliseconds('raw._at')} as as_of_ms,
    ${position} as known_position
  from raw${join}
)`
  const features = asofSql(duckdb, {
    view,
    history: sql.history,
    spine: 'select _row, entity, as_of_ms, known_position from known',
    carried: ['_row', 'known_position'],
  })
  const shown = asofColumns(duckdb, view).map(({ name }) => `features.${duckdb.identifier(name)}`)
  return {
    early: `${front}\nselect count(*) from known where known_position is null`,
    rows: /* sql */ `${front},
${sql.histories.join(',\n')}
select raw.* exclude (_row, _at),
  ${shown.join(',\n  ')},
  features.known_position as feature_position,
  ${textLiteral(duckdb, asCorrected ? 'as_corrected' : 'as_known')} as feature_mode,
  ${textLiteral(duckdb, definitionHash(view))} as feature_hash
from raw join (
${features}
) features on features._row = raw._row
order by raw._row`,
  }
}

async function singleValue({ batches }: QueryResult): Promise<unknown> {
  let value: unknown = null
  for await (const batch of batches) {
    const column = batch.getChildAt(0)
    if (column !== null && batch.numRows > 0) value = valueReader(column)(0)
  }
  return value
}

/** Appears under its name when it is whole. */
async function writeFile(
  path: string,
  fill: (write: (chunk: string | Uint8Array) => Promise<void>) => Promise<number>,
): Promise<number> {
  const temporary = `${path}.${process.pid}.tmp`
  const file = await open(temporary, 'w')
  try {
    const rows = await fill(async (chunk) => {
      const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk
      await file.writeFile(bytes)
    })
    await file.close()
    await rename(temporary, path)
    return rows
  } catch (error) {
    await file.close()
    await rm(temporary, { force: true })
    throw error
  }
}
