/** Statistics of parquet.thrift: null count and bounds of a column chunk, in the modern fields only. */
import type { Bounds } from './bounds.ts'
import type { PhysicalCodec } from './physical-codec.ts'
import type { ThriftWriter } from './thrift.ts'

export type ChunkStatistics = {
  readonly nulls: number
  /** Null for columns whose values must leave no trace. */
  readonly bounds: Bounds | null
}

/**
 * Writes the fields of the struct. Bounds beside a NaN would be legal ("computed from non-NaN values only"), but engines to
 * which NaN is the greatest value (DuckDB, Spark, PostgreSQL) skip such chunks and lose rows. The deprecated `min` and `max` stay out: they are ordered by signed comparison whatever
 * the type, and readers that need them know to distrust them.
 */
export function writeStatistics(
  thrift: ThriftWriter,
  statistics: ChunkStatistics,
  codec: PhysicalCodec,
  floating: boolean,
): void {
  thrift.i64Field(3, statistics.nulls)
  const { bounds } = statistics
  if (bounds === null) return
  if (bounds.range !== null && bounds.nans === 0) {
    thrift.binaryField(5, codec.boundBytes(bounds.range.max, 'max'))
    thrift.binaryField(6, codec.boundBytes(bounds.range.min, 'min'))
    thrift.boolField(7, bounds.range.maxExact)
    thrift.boolField(8, bounds.range.minExact)
  }
  // "The nan_count field must be set for floating point types, even if it is zero."
  if (floating) thrift.i64Field(9, bounds.nans)
}
