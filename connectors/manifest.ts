/**
 * A table whose files another system wrote, as found at one moment: what external tables over such files and transfers of them
 * are made from. Part of the ports (`ports.ts`).
 */
import type { LogicalType } from './logical-type.ts'

export type ForeignColumn = {
  readonly name: string
  /** The owner's own spelling, such as `array<string>` or `decimal(12,2)`. */
  readonly sourceType: string
  /** Null: nested, or of a type that has no logical type; carried as JSON text where it is carried. */
  readonly type: LogicalType | null
  readonly comment?: string
}

export type ForeignFile = {
  /** `s3://bucket/key` or an absolute path. */
  readonly address: string
  readonly size: number
  /** From the file's own footer. */
  readonly rows: number
  /** `position`: the file names its columns `_col0`, `_col1`, …; they are the table's columns in order. */
  readonly matchedBy: 'name' | 'position'
}

export type ForeignPartition = {
  /** Decoded values in the order of `partitionColumns`; null is the owner's default partition. */
  readonly values: readonly (string | null)[]
  readonly location: string
  /** The partition's own columns, where they differ from the table's. */
  readonly columns?: readonly ForeignColumn[]
  readonly files: readonly ForeignFile[]
}

export type ForeignTable = {
  /** For messages: `Table "raw.visits" of connection "hive"`. */
  readonly subject: string
  readonly format: 'orc' | 'parquet'
  readonly location: string
  /** Without the partition columns. */
  readonly columns: readonly ForeignColumn[]
  readonly partitionColumns: readonly ForeignColumn[]
  /** One entry without values for a table that has no partitions. */
  readonly partitions: readonly ForeignPartition[]
}
