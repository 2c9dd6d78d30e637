/** ColumnIndex and OffsetIndex of parquet.thrift: what lets a reader skip pages (PageIndex.md). */
import { type Bound, type Bounds, compareBounds } from './bounds.ts'
import { BoundaryOrder } from './format.ts'
import type { PhysicalCodec } from './physical-codec.ts'
import { ThriftWriter } from './thrift.ts'

export type IndexedPage = {
  readonly rows: number
  readonly nulls: number
  /** Of the page's values, already truncated. */
  readonly bounds: Bounds
  /** Header and data, compressed. */
  readonly size: number
}

const EMPTY = new Uint8Array(0)

/**
 * Null where the format forbids one or the bounds are unknown: "If all non-null values of a page are NaN, a column index
 * must not be written for this column chunk" (TYPE_ORDER). Nor for a page with any NaN, see `writeStatistics`.
 */
export function columnIndex(pages: readonly IndexedPage[], codec: PhysicalCodec, floating: boolean): Uint8Array | null {
  const nullPages = pages.map((page) => page.nulls === page.rows)
  if (pages.some(({ bounds }, i) => bounds.nans > 0 || (nullPages[i] === false && bounds.range === null) || bounds.unknown))
    return null
  const bytes = (which: 'min' | 'max') =>
    pages.map(({ bounds }) => (bounds.range === null ? EMPTY : codec.boundBytes(bounds.range[which], which)))
  const thrift = new ThriftWriter()
  thrift.struct(() => {
    thrift.boolList(1, nullPages)
    thrift.binaryList(2, bytes('min'))
    thrift.binaryList(3, bytes('max'))
    thrift.i32Field(4, boundaryOrder(pages))
    thrift.i64List(
      5,
      pages.map((page) => page.nulls),
    )
    if (floating) {
      thrift.i64List(
        8,
        pages.map((page) => page.bounds.nans),
      )
    }
  })
  return thrift.take()
}

/** Whether minima and maxima both run in one direction; null pages do not count. */
function boundaryOrder(pages: readonly IndexedPage[]): BoundaryOrder {
  const ranges = pages.flatMap(({ bounds }) => (bounds.range === null ? [] : [bounds.range]))
  let ascending = true
  let descending = true
  for (let i = 1; i < ranges.length; i++) {
    const before = ranges[i - 1] as { min: Bound; max: Bound }
    const after = ranges[i] as { min: Bound; max: Bound }
    const min = compareBounds(before.min, after.min)
    const max = compareBounds(before.max, after.max)
    if (min > 0 || max > 0) ascending = false
    if (min < 0 || max < 0) descending = false
  }
  return ascending ? BoundaryOrder.ASCENDING : descending ? BoundaryOrder.DESCENDING : BoundaryOrder.UNORDERED
}

/** `offset`: of the first data page from the beginning of the file. */
export function offsetIndex(pages: readonly IndexedPage[], offset: number): Uint8Array {
  let position = offset
  let row = 0
  const locations = pages.map((page) => {
    const location = { offset: position, size: page.size, row }
    position += page.size
    row += page.rows
    return location
  })
  const thrift = new ThriftWriter()
  thrift.struct(() => {
    thrift.structList(1, locations, (location) => {
      thrift.i64Field(1, location.offset)
      thrift.i32Field(2, location.size)
      thrift.i64Field(3, location.row)
    })
  })
  return thrift.take()
}
