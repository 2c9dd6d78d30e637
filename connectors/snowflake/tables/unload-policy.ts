/** What an unload does with types that Parquet files of Snowflake cannot hold as they are. Each policy has a name; none rounds in silence. */
import { z } from 'zod'

export const unloadPolicies = z.strictObject({
  timestamps: z
    .enum(['micros', 'text', 'milliseconds'])
    .default('micros')
    .describe(
      'micros: exact, a finer value is a bad value. text: the full fraction, as text. milliseconds: finer digits are cut.',
    ),
  zoned: z
    .enum(['utc', 'text'])
    .default('utc')
    .describe('TIMESTAMP_TZ. utc: the instant, its offset is not kept. text: with the offset, as text.'),
  time: z
    .enum(['micros', 'text'])
    .default('micros')
    .describe('TIME. micros: six digits behind the second, a finer value is a bad value. text: nine digits.'),
  binary: z.enum(['bytes', 'hex']).default('bytes').describe('BINARY. bytes: as it is. hex: as text of lower-case hex digits.'),
  integers: z
    .enum(['decimal', 'int64'])
    .default('decimal')
    .describe('NUMBER(20,0) to NUMBER(38,0). decimal: as it is. int64: a value that does not fit is a bad value.'),
})

export const unloadOptions = unloadPolicies.extend({
  schema: z
    .string()
    .regex(/^[^.\s]+\.[^.\s]+$/, 'expected DATABASE.SCHEMA')
    .optional()
    .describe(
      'DATABASE.SCHEMA where the stage is made. Default: beside the table that is read; for a query the session’s schema, or one of its own',
    ),
})

export type UnloadPolicies = z.output<typeof unloadPolicies>

export const DEFAULT_POLICIES: UnloadPolicies = unloadPolicies.parse({})
