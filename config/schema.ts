/**
 * The shape of integration files, defaults.yaml and connections.yaml. Strict: an unknown key is a problem. Says what may be
 * written; `load.ts` merges the defaults, checks that nothing is missing and resolves units.
 */
import { z } from 'zod'
import { COUNT, countOf, DURATION, durationMs, SIZE, sizeBytes } from './units.ts'

const duration = z
  .string({ error: 'expected a duration with its unit, such as 5s, 15m or 1h' })
  .regex(DURATION, 'expected a duration with its unit, such as 5s, 15m or 1h')
  .transform((text) => durationMs(text) ?? 0)

const size = z
  .string({ error: 'expected a size with its unit, such as 64 MiB' })
  .regex(SIZE, 'expected a size with its unit, such as 64 MiB')
  .transform((text) => sizeBytes(text) ?? 0)

const COUNT_EXPECTED = 'expected a whole number above 0, such as 500_000'
const count = z
  .union([z.int().positive(), z.string().regex(COUNT, COUNT_EXPECTED)], { error: COUNT_EXPECTED })
  .transform((value) => (typeof value === 'number' ? value : (countOf(value) ?? 0)))
  .refine((value) => value > 0, COUNT_EXPECTED)

/** Names that become parts of slots, object keys and relations. */
const NAME = /^[a-z][a-z0-9_]{0,39}$/
const NAME_EXPECTED = 'expected lower-case letters, digits and _, starting with a letter, at most 40 characters'
const name = z.string({ error: NAME_EXPECTED }).regex(NAME, NAME_EXPECTED)
const connection = z.string().min(1).describe('A name of config/connections.yaml.')

const TABLE_PATTERN = /^!?[^.\s][^.]*\.[^.]+$/
const tablePattern = z.string().regex(TABLE_PATTERN, 'expected schema.table; * stands for any characters, a leading ! excludes')

const badValue = z
  .enum(['error', 'null', 'text', 'reject'], {
    // YAML reads a bare null, and a key without a value, as nothing: neither may quietly choose a policy.
    error: (issue) => (issue.input === null ? "expected error, 'null', text or reject (null needs quotes)" : undefined),
  })
  .describe(
    "A value that the target type cannot hold: error stops, 'null' lands NULL, text carries the column as text, reject keeps the row aside with its reason.",
  )

const mask = z.union(
  [
    z.strictObject({ hmac_sha256: z.string().min(1).describe(`Reference to the key, such as \${env:PII_KEY}.`) }),
    z.strictObject({ fixed: z.string() }),
    z.strictObject({ partial: z.strictObject({ keep_last: z.int().min(0).max(8) }) }),
    z.literal('null'),
    z.literal('none'),
  ],
  { error: `expected one of {hmac_sha256: '\${env:NAME}'}, {fixed: text}, {partial: {keep_last: n}}, 'null', none` },
)

const COLUMN_TYPE = /^(?:text|hex|decimal\((\d{1,2}), ?(\d{1,2})\))$/
const columnRule = z.strictObject({
  type: z.string().regex(COLUMN_TYPE, 'expected text, hex or decimal(precision,scale)').optional(),
  on_bad_value: badValue.optional(),
  mask: mask
    .optional()
    .describe('Make the values unreadable before anything is written; none shows a column that was masked before.'),
  exclude: z.boolean().optional().describe('Leave the column out everywhere; false shows a column that was left out before.'),
  rename: z.string().min(1).max(255).optional().describe('Name of the column in the lake and in warehouses.'),
})

const source = z.strictObject({
  connection,
  publication: name.optional().describe('Default: portage_<name>.'),
  slot: z
    .string()
    .regex(/^[a-z0-9_]{1,63}$/, 'expected a replication slot name: lower-case letters, digits and _, at most 63 characters')
    .optional()
    .describe('Default: portage_<name>.'),
  tables: z
    .array(tablePattern)
    .min(1, 'expected at least one table pattern')
    .describe("['public.*', '!public.tmp_*']; the last match wins."),
  max_snapshot_age: duration.optional().describe('Longest life of one snapshot transaction on the source. Default: 15m.'),
  readers: z.int().min(1).max(64).optional().describe('Chunks of a snapshot read at the same time. Default: 2.'),
  heartbeat: duration.optional().describe('How often an idle source may drop its log. Default: 1m.'),
})

const lake = z.strictObject({
  connection,
  prefix: z
    .string()
    .regex(
      /^[A-Za-z0-9._=-]+(?:\/[A-Za-z0-9._=-]+)*$/,
      'expected path segments of letters, digits, . _ = - without a leading or trailing /',
    )
    .refine((prefix) => !prefix.split('/').some((part) => part === '.' || part === '..'), 'segments . and .. are not allowed')
    .optional()
    .describe('Where in the store. Default: raw.'),
  format: z.enum(['parquet', 'orc']).optional().describe('Default: parquet.'),
  compression: z.enum(['zstd', 'snappy', 'gzip', 'none']).optional().describe('Default: zstd.'),
  target_file: size.optional().describe('Close a file at about this size. Default: 256 MiB.'),
})

const registerTarget = z.strictObject({
  connection,
  schema: z.string().min(1).optional().describe('Schema (in Hive: database) of the tables. Default: the integration name.'),
  database: z.string().min(1).optional().describe('Another word for schema.'),
  every: duration.optional().describe('How often new commits become visible. Default: 1m.'),
  format: z
    .enum(['orc', 'parquet', 'parquet-hive3'])
    .optional()
    .describe(
      'Of the files that are written for a warehouse which reads directories (Hive, Spark): parquet for Hive 4 and Spark, parquet-hive3 for Hive 3 (INT96 timestamps, SNAPPY for ZSTD). Default: orc.',
    ),
})

const policy = z.enum(['apply', 'hold', 'fail']).optional()

const schemaChanges = z.strictObject({
  add_table: policy.describe('A table that appears after the first run. Default: apply.'),
  drop_table: policy.describe('A table that is gone from the source. Default: hold.'),
  recreate_table: policy.describe('A table of the same name that is another one. Default: hold.'),
  add_column: policy.describe('Default: apply.'),
  drop_column: policy.describe('Default: hold.'),
  rename_column: policy.describe('Default: apply.'),
  widen_column: policy.describe('A type that holds all that the old one held. Default: apply.'),
  narrow_column: policy.describe('Any other change of type. Default: hold.'),
  change_key: policy.describe('Default: hold.'),
  change_identity: policy.describe('Replica identity. Default: apply.'),
})

const parts = {
  kind: z.literal('replicate').optional().describe('Default: replicate.'),
  flush: z
    .strictObject({
      interval: duration.optional(),
      rows: count.optional(),
      bytes: size.optional(),
      files_per_hour: z
        .union([count, z.literal('unlimited')])
        .optional()
        .describe('After a commit of many files the next one waits longer, at most a minute. Default: 20_000.'),
    })
    .optional()
    .describe('Commit at the first of interval, rows, bytes. Default: {interval: 5s, rows: 500_000, bytes: 64 MiB}.'),
  register: z.array(registerTarget).optional().describe('Warehouses that show the tables.'),
  on_bad_value: badValue.optional(),
  columns: z.record(z.string(), columnRule).optional().describe('Keyed schema.table.column; * within a segment; later ones win.'),
  tables: z
    .record(
      z.string(),
      z.strictObject({
        on_bad_value: badValue.optional(),
        where: z
          .string()
          .min(1)
          .optional()
          .describe(
            'Carry only rows for which this is true: columns compared with constants, and, or, not, in, between, is null.',
          ),
        columns: z.record(z.string(), columnRule).optional(),
        schema_changes: schemaChanges.optional(),
      }),
    )
    .optional()
    .describe('Choices for tables, keyed schema.table; * within a segment; `columns` wins over them.'),
  schema_changes: schemaChanges
    .optional()
    .describe(
      'What warehouses do about a change of shape in the source: apply follows, hold waits for "portage apply", fail stops the run before any of it is landed.',
    ),
  reconcile: z.strictObject({ every: duration }).optional(),
  retention: z
    .strictObject({
      changes: duration.describe('Age from which "portage vacuum" lets changes leave the history. Rows stay.'),
      despite_readers: z.boolean().optional().describe('Although warehouses or feature tables read the history. Default: false.'),
    })
    .optional(),
  notify: z
    .array(
      z.strictObject({
        connection,
        on: z
          .array(z.enum(['failure', 'held', 'lag', 'summary', 'rejects']))
          .min(1)
          .optional(),
      }),
    )
    .optional(),
  schedule: z
    .strictObject({
      cron: z.string().regex(/^\S+(?: \S+){4}$/, 'expected five fields, such as */15 * * * *'),
      retries: z.int().min(0).max(100).optional(),
      wait_for: z.strictObject({ trigger: z.string().min(1) }).optional(),
    })
    .optional(),
}

/** One integration file as written: what defaults.yaml may supply is optional. */
export const integrationFile = z.strictObject({
  name: name.describe('Unique; becomes part of slot names, object keys and relations.'),
  source: source.partial(),
  lake: lake.partial().optional(),
  ...parts,
})

/** defaults.yaml: what every integration has unless it says otherwise. */
export const defaultsFile = z.strictObject({ source: source.partial().optional(), lake: lake.partial().optional(), ...parts })

/** An integration after the defaults were merged in: nothing required is missing any more. */
export const integration = z.strictObject({ name, source, lake, ...parts })
export type IntegrationDocument = z.output<typeof integration>
export type ColumnRuleDocument = z.output<typeof columnRule>

/** connections.yaml. What stands beside `connector` is parsed by the connector itself. */
export const connectionsFile = z.record(
  name,
  z.looseObject({ connector: z.string({ error: 'expected the name of a connector, such as postgres' }).min(1) }),
)
