/** Collects what is written until a part is full. Grows with its content: two hundred open tables cost what they hold. */

const FIRST_BYTES = 64 * 1024
const GROWTH = 4

export type PartBuffer = {
  readonly length: number
  /** Memory it has taken, in bytes. */
  readonly allocated: number
  /** Copies as much of the chunk from `offset` on as fits; returns how much. */
  readonly append: (chunk: Uint8Array, offset: number) => number
  /** What was collected, valid until the next `reset`. */
  readonly bytes: () => Uint8Array
  /** Empties it, to be filled up to `limit`. */
  readonly reset: (limit: number) => void
}

/** `reserve`: the object is known to be large, so take the memory at once instead of growing into it. */
export function createPartBuffer(first: number, reserve = false): PartBuffer {
  let limit = first
  let held = new Uint8Array(reserve ? first : 0)
  let length = 0
  return {
    get length() {
      return length
    },
    get allocated() {
      return held.length
    },
    append: (chunk, offset) => {
      const taken = Math.min(chunk.length - offset, limit - length)
      if (length + taken > held.length) {
        const grown = new Uint8Array(Math.min(limit, Math.max(FIRST_BYTES, held.length * GROWTH, length + taken)))
        grown.set(held.subarray(0, length))
        held = grown
      }
      held.set(chunk.subarray(offset, offset + taken), length)
      length += taken
      return taken
    },
    bytes: () => held.subarray(0, length),
    reset: (next) => {
      limit = next
      length = 0
    },
  }
}
