import { durationMs } from '../../config/units.ts'
import { parseInstant } from '../../features/instant.ts'
import { type DefineCommand, defineCommand } from '../command-context.ts'
import { UsageError } from '../exit-codes.ts'

type TryOptions = { readonly changes: string; readonly reads: string; readonly engine: string; readonly json?: boolean }

type TrainingOptions = {
  readonly spine: string
  readonly out: string
  readonly integration?: string
  readonly entity: string
  readonly asOf: string
  readonly asCorrected?: boolean
}
type MaterializeOptions = {
  readonly integration?: string
  readonly at?: string
  readonly every?: string
  readonly schema: string
  readonly json?: boolean
}
type VerifyOptions = { readonly integration?: string; readonly at?: string; readonly sample: string; readonly json?: boolean }

/** `portage features`: what feature definitions say about data. */
export const featuresCommand: DefineCommand = (context) => {
  const features = defineCommand({
    name: 'features',
    description: 'feature definitions: one for stream, SQL and training',
    examples: [
      ['portage features list', 'the views and what they hold'],
      ['portage features try client_loans --changes c.jsonl --reads r.jsonl', 'evaluate one on a file'],
    ],
  })
  features.addCommand(
    defineCommand({
      name: 'list',
      description: 'the feature views that ship, with their hashes',
      examples: [
        ['portage features list', 'a table of features'],
        ['portage features list --json', 'the same with the whole definitions'],
      ],
    })
      .option('--json', 'print the definitions')
      .action(async ({ json = false }: { readonly json?: boolean }) => {
        const { listFeatures } = await import('../features-list.ts')
        await listFeatures(context, { json })
      }),
  )
  features.addCommand(
    defineCommand({
      name: 'show',
      description: 'a definition as canonical JSON, which the other commands take back, or as SQL',
      examples: [
        ['portage features show client_loans > view.json', 'the definition'],
        ['portage features show client_loans --sql snowflake', 'also: duckdb, postgres, spark'],
        ['portage features show client_loans --sql duckdb --kind incremental', 'what brings a mart up to date'],
      ],
    })
      .argument('<view>', 'name of a view, canonical JSON file, or module that exports one (module#view)')
      .option('--sql <engine>', 'histories and the function <view>__asof(as_of_ms, known_position)')
      .option('--kind <kind>', 'only: history, asof, mart (a select), incremental (statements for a table)')
      .action(async (view: string, { sql, kind }: { readonly sql?: string; readonly kind?: string }) => {
        const { showFeatures } = await import('../features-show.ts')
        await showFeatures(context, { view, sql, kind })
      }),
  )
  features.addCommand(
    defineCommand({
      name: 'try',
      description: 'evaluate a definition on a file of changes; no services',
      examples: [
        ['portage features try client_loans --changes c.jsonl --reads r.jsonl', 'a table'],
        ['portage features try client_loans --changes c.jsonl --reads r.jsonl --json', 'one JSON object per read'],
        ['portage features try ./view.json --changes c.jsonl --reads r.jsonl', 'a definition of your own: .json or .ts'],
      ],
    })
      .argument('<view>', 'name of a view, canonical JSON file, or module that exports one (module#view)')
      .requiredOption('--changes <file>', 'one JSON object per line: position, committed_at, table, op, key, old_key, row')
      .requiredOption('--reads <file>', 'one JSON object per line: entity, as_of, after_lines')
      .option('--engine <engine>', 'memory, or sql: the generated SQL on DuckDB', 'memory')
      .option('--json', 'print one JSON object per read')
      .action(async (view: string, { changes, reads, engine, json = false }: TryOptions) => {
        const { tryFeatures } = await import('../features-try.ts')
        await tryFeatures(context, { view, changes, reads, engine, json })
      }),
  )
  features.addCommand(
    defineCommand({
      name: 'training-set',
      description: 'features of past times as they were known then, beside the columns of a spine',
      examples: [
        ['portage features training-set client_loans --spine s.csv --out t.parquet', 'columns entity, as_of, labels …'],
        ['portage features training-set client_loans --spine s.sql --out t.arrow', 'a select over lake.<table>'],
      ],
    })
      .argument('<view>', 'name of a view, canonical JSON file, or module that exports one (module#view)')
      .requiredOption('--spine <file>', '.csv, .parquet or .sql: an entity, a time (UTC) and labels per row')
      .requiredOption('--out <file>', '.parquet or .arrow')
      .option('--integration <name>', 'whose lake; default: the only one')
      .option('--entity <column>', 'column of the spine', 'entity')
      .option('--as-of <column>', 'column of the spine', 'as_of')
      .option('--as-corrected', 'with what became known later: the rows say so in feature_mode')
      .action(async (view: string, { integration, asCorrected = false, ...options }: TrainingOptions) => {
        const { writeTrainingSet } = await import('../features-training.ts')
        await writeTrainingSet(context, { view, integration, asCorrected, ...options })
      }),
  )
  features.addCommand(
    defineCommand({
      name: 'materialize',
      description: 'the features of all entities as a table of the lake and its warehouses',
      examples: [
        ['portage features materialize client_loans', 'as of now: features.client_loans'],
        ['portage features materialize client_loans --at 2026-06-30T12:00:00Z', 'as of another time'],
        ['portage features materialize client_loans --every 1m', 'again and again: what changed meanwhile'],
      ],
    })
      .argument('<view>', 'name of a view, canonical JSON file, or module that exports one (module#view)')
      .option('--integration <name>', 'whose lake; default: the only one')
      .option('--at <time>', 'time of the values; default: now')
      .option('--every <duration>', 'go on until Ctrl-C, with this pause, such as 30s')
      .option('--schema <name>', 'schema in the warehouses', 'features')
      .option('--json', 'print one JSON object per line')
      .action(async (view: string, { integration, at, every, schema, json = false }: MaterializeOptions) => {
        const asOf = at === undefined ? null : parseInstant(at)
        if (at !== undefined && asOf === null) throw notATime(at)
        const everyMs = every === undefined ? null : durationMs(every)
        if (every !== undefined && (everyMs === null || everyMs < 100))
          throw new UsageError(`--every ${every}: expected a duration of at least 100ms, such as 30s or 15m`)
        if (asOf !== null && everyMs !== null) throw new UsageError('--at and --every exclude each other: time goes on')
        const { materializeFeatures } = await import('../features-materialize.ts')
        await materializeFeatures(context, { view, integration, asOf, everyMs, schema, json })
      }),
  )
  features.addCommand(
    defineCommand({
      name: 'verify',
      description: 'compare the engine with the generated SQL, both over the lake; exit 4 when they differ',
      examples: [
        ['portage features verify client_loans', 'at this moment'],
        ['portage features verify client_loans --at 2026-06-30T12:00:00Z --sample 50', 'at another one'],
      ],
    })
      .argument('<view>', 'name of a view, canonical JSON file, or module that exports one (module#view)')
      .option('--integration <name>', 'whose lake; default: the only one')
      .option('--at <time>', 'time of the read; default: now')
      .option('--sample <n>', 'most entities to compare', '1000')
      .option('--json', 'print one JSON object')
      .action(async (view: string, { integration, at, sample, json = false }: VerifyOptions) => {
        const asOf = at === undefined ? Date.now() : parseInstant(at)
        if (asOf === null) throw notATime(at)
        if (!/^[1-9]\d{0,6}$/.test(sample)) throw new UsageError(`--sample ${sample}: expected a number from 1 to 9999999`)
        const { verifyFeatures } = await import('../features-verify.ts')
        await verifyFeatures(context, { view, integration, asOf, sample: Number(sample), json })
      }),
  )
  return features
}

function notATime(text: string | undefined): UsageError {
  return new UsageError(`--at ${text}: expected a time such as 2026-06-30T12:00:00Z`)
}
