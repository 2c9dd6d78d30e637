/** Splits a table's rows into chunks that stay valid while its storage does. Pure. */
import type { Chunk } from '../ports.ts'

/** A heap to be read by block ranges: a table, or one leaf of a partitioned table. */
export type Heap = {
  /** Null for the table itself. */
  readonly leaf: string | null
  readonly blocks: number
  /** Bytes of heap and TOAST together. */
  readonly bytes: number
}

/** No chunk is smaller, whatever lies in TOAST. */
const MIN_BLOCKS = 64

/**
 * `by: 'ctid'`: blocks [from, to), the last range open-ended, because rows may be appended meanwhile. `by: 'leaf <oid>'`: the
 * same within one partition. About `chunkBytes` each, TOAST counted.
 */
export function planHeaps(
  heaps: readonly Heap[],
  { blockSize, chunkBytes }: { readonly blockSize: number; readonly chunkBytes: number },
): Chunk[] {
  return heaps.flatMap(({ leaf, blocks, bytes }) => {
    const bytesPerBlock = Math.max(blockSize, blocks === 0 ? 0 : bytes / blocks)
    const step = Math.max(MIN_BLOCKS, Math.floor(chunkBytes / bytesPerBlock))
    const count = Math.max(1, Math.ceil(blocks / step))
    const by = leaf === null ? 'ctid' : `leaf ${leaf}`
    return Array.from({ length: count }, (_, index) => ({
      id: leaf === null ? String(index * step) : `${leaf}-${index * step}`,
      from: index === 0 ? null : String(index * step),
      to: index === count - 1 ? null : String((index + 1) * step),
      by,
    }))
  })
}

/** One chunk for rows that have no usable address. */
export const WHOLE: Chunk = { id: 'all', from: null, to: null, by: 'all' }

/** The leaf that a chunk reads; null for the table itself. */
export function leafOf(chunk: Chunk): string | null {
  return chunk.by.startsWith('leaf ') ? chunk.by.slice(5) : null
}

/** SQL condition of a chunk; null for all rows. */
export function chunkCondition(chunk: Chunk): string | null {
  if (chunk.by === 'all') return null
  const block = (text: string): string => `'(${Number.parseInt(text, 10)},0)'::tid`
  const parts = [
    chunk.from === null ? null : `ctid >= ${block(chunk.from)}`,
    chunk.to === null ? null : `ctid < ${block(chunk.to)}`,
  ].filter((part) => part !== null)
  return parts.length === 0 ? null : parts.join(' and ')
}
