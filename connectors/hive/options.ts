/** Options of a Hive or Spark connection in connections.yaml. */
import { z } from 'zod'
import { checkClientOptions, hiveClientFields } from './client/options.ts'

export const hiveOptions = z
  .strictObject({
    ...hiveClientFields,
    /** Scheme under which the engine reaches a lake in a bucket. */
    s3_scheme: z.enum(['s3a', 's3']).default('s3a'),
    /** Connection through which files of its tables are read. Default: the one that covers their location. */
    store: z.string().min(1).optional(),
    /** Count the rows of new files in the engine before anything shows them. */
    proof: z.boolean().default(true),
    /** Let the engine count rows and bytes of new directories for its planner: one statement for each. */
    statistics: z.boolean().default(false),
  })
  .superRefine(checkClientOptions)

export type HiveOptions = z.output<typeof hiveOptions>
