/**
 * A table whose files another system wrote, as found at one moment: what external tables over such files and transfers of them
 * are made from. Part of the ports (`ports.ts`).
 */
import type { LogicalType } from './logical-type.ts'

/** A type with what is inside of it. Names of struct fields are matched without regard to case. */
export type ForeignShape =
  /** `pad`: a `char(n)`, shown with blanks up to n characters. `cut`: shown with n characters at most (`char(n)`, `varchar(n)`). */
  | { readonly kind: 'value'; readonly type: LogicalType; readonly pad?: number; readonly cut?: number }
  | { readonly kind: 'list'; readonly item: ForeignShape }
  | { readonly kind: 'map'; readonly key: ForeignShape; readonly value: ForeignShape }
  | { readonly kind: 'struct'; readonly fields: readonly { readonly name: string; readonly shape: ForeignShape }[] }
  | { readonly kind: 'union'; readonly branches: readonly ForeignShape[] }

export type ForeignColumn = {
  readonly name: string
  /** The owner's own spelling, such as `array<string>` or `decimal(12,2)`. */
  readonly sourceType: string
  /** Null: nested, carried as JSON text where it is carried; or, without a `shape`, a type that nothing here holds. */
  readonly type: LogicalType | null
  readonly shape: ForeignShape | null
  readonly comment?: string
}

export type ForeignFile = {
  /** `s3://bucket/key` or an absolute path. */
  readonly address: string
  readonly size: number
  /** When the store says it was written last. Another size or time than these: another file. */
  readonly modified: Date
  /** From the file's own footer. */
  readonly rows: number
  /** `position`: its columns are the table's in order, whatever it names them (Hive's `_col0`, `_col1`, …). */
  readonly matchedBy: 'name' | 'position'
  /**
   * What the file calls the table's columns, in their order, null where it lacks one. Absent: the columns' own names, or those that
   * Hive gives by position.
   */
  readonly names?: readonly (string | null)[]
}

/** How the owner finds the columns of its files. */
export type ColumnMatching = {
  readonly orc: ForeignFile['matchedBy']
  readonly parquet: ForeignFile['matchedBy']
}

/** Where a partition lies and which columns it has, as the owner's catalogue says. */
export type ForeignPlace = {
  /** Decoded values in the order of `partitionColumns`; null is the owner's default partition. */
  readonly values: readonly (string | null)[]
  /** As the catalogue spells it: `s3a://bucket/key`, `file:/path`, `hdfs://…`. */
  readonly location: string
  /**
   * The partition's own columns, where they differ from the table's: its first is the table's first. Parquet files of such a partition are read
   * by these names, the table's further columns are null; ORC files are read in the table's shape.
   */
  readonly columns?: readonly ForeignColumn[]
}

export type ForeignPartition = ForeignPlace & { readonly files: readonly ForeignFile[] }

/** A table as its owner's catalogue describes it; no file has been looked at. */
export type ForeignLayout = {
  /** For messages: `Table "raw.visits" of connection "hive"`. */
  readonly subject: string
  /** Whose rules its files and values follow. */
  readonly owner: 'hive' | 'spark'
  readonly format: 'orc' | 'parquet'
  readonly location: string
  /** Without the partition columns. */
  readonly columns: readonly ForeignColumn[]
  readonly partitionColumns: readonly ForeignColumn[]
  /** One entry without values for a table that has no partitions. */
  readonly partitions: readonly ForeignPlace[]
  readonly matching: ColumnMatching
  readonly comment?: string
}

export type ForeignTable = Omit<ForeignLayout, 'partitions'> & { readonly partitions: readonly ForeignPartition[] }
