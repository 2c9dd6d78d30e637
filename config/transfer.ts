/** Files of kind transfer: the words of `portage transfer` as YAML, to be run by name. Strict: an unknown key is a problem. */
import { z } from 'zod'

const NAME = /^[a-z][a-z0-9_]{0,39}$/
const NAME_EXPECTED = 'expected lower-case letters, digits and _, starting with a letter, at most 40 characters'
const names = z.array(z.string().min(1)).min(1, 'expected at least one name')

const csv = z
  .strictObject({
    delimiter: z.string().optional(),
    quote: z.string().optional().describe('One character, or none. Default: ".'),
    escape: z.string().optional(),
    encoding: z.string().optional(),
    header: z.boolean().optional(),
    names: names.optional().describe('Names of all columns, instead of those of the header.'),
    null_values: z.array(z.string()).optional(),
    decimal: z.enum(['point', 'comma']).optional(),
    thousands: z.string().optional(),
    date_format: z.string().optional(),
    timestamp_format: z.string().optional(),
    assume_utc: z.boolean().optional(),
    pad_rows: z.boolean().optional(),
    sample: z.string().optional(),
    types: z.record(z.string(), z.string()).optional().describe('{id: int64, amount: "decimal(12,2)"}; the rest is inferred.'),
  })
  .describe('How a CSV file is written; what is left out is sniffed.')

export const transferFile = z.strictObject({
  name: z.string({ error: NAME_EXPECTED }).regex(NAME, NAME_EXPECTED).describe('Unique among all integrations.'),
  kind: z.literal('transfer'),
  from: z.string().min(1).describe('Address to read from: core:public.loan, lake:loans, file:members.csv, s3://bucket/key.'),
  to: z.string().min(1).describe('Address to write to.'),
  mode: z.enum(['replace', 'append']).optional(),
  where: z.string().optional(),
  columns: names.optional(),
  create: z.boolean().optional(),
  fill_missing: z.boolean().optional(),
  keep_original: z.boolean().optional(),
  register: z.union([z.string().min(1), z.literal(false)]).optional(),
  register_format: z
    .enum(['orc', 'parquet', 'parquet-hive3'])
    .optional()
    .describe('Of the files that Hive and Spark are given. Default: orc, later as the table is shown.'),
  prefix: z.string().min(1).optional(),
  via: z
    .string()
    .min(1)
    .optional()
    .describe('Connection of the bucket through which a system that hands out files passes rows on.'),
  partition_by: z
    .string()
    .min(1)
    .optional()
    .describe('Column by whose values Snowflake unloads, so that files of the target hold few of them.'),
  file_format: z.enum(['csv', 'csv.gz', 'parquet']).optional(),
  compression: z.enum(['zstd', 'snappy', 'gzip', 'none']).optional(),
  on_bad_value: z.enum(['error', 'reject']).optional(),
  rejects: z.string().min(1).optional(),
  csv: csv.optional(),
  schedule: z
    .strictObject({
      cron: z.string().regex(/^\S+(?: \S+){4}$/, 'expected five fields, such as */15 * * * *'),
      retries: z.int().min(0).max(100).optional(),
      wait_for: z.strictObject({ trigger: z.string().min(1) }).optional(),
    })
    .optional()
    .describe('Kept for schedulers; "portage run <name>" carries the transfer out once.'),
})

export type TransferDocument = z.output<typeof transferFile>

/** One such file. Addresses and options are judged when it is run. */
export type LoadedTransfer = {
  readonly name: string
  readonly file: string
  readonly kind: 'transfer'
  readonly document: TransferDocument
}

/** Whether a file says that it is one. */
export const isTransferFile = (value: unknown): boolean =>
  value !== null && typeof value === 'object' && 'kind' in value && value.kind === 'transfer'
