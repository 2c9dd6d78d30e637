/** Buffers for columns, used again and again: fresh ones cost a fifth of the decoding time. */

export type BufferPool = {
  /** A buffer of at least `bytes` bytes; its content is arbitrary. */
  take(bytes: number): ArrayBuffer
  /** Hands a buffer back; the caller must not touch it any more. */
  give(buffer: ArrayBuffer): void
  /** Bytes that lie unused in the pool. */
  readonly idleBytes: number
}

const SMALLEST = 256

/** Keeps at most `maxIdleBytes` unused; what is beyond goes to the garbage collector. Not shared between threads. */
export function createBufferPool({ maxIdleBytes = 96 * 1024 * 1024 }: { readonly maxIdleBytes?: number } = {}): BufferPool {
  // Size classes are powers of two, so that columns of slightly different widths share buffers.
  const free: ArrayBuffer[][] = []
  let idleBytes = 0
  return {
    take(bytes) {
      const size = sizeClass(bytes)
      const found = free[size]?.pop()
      if (found === undefined) return new ArrayBuffer(classBytes(size))
      idleBytes -= found.byteLength
      return found
    },
    give(buffer) {
      if (buffer.byteLength < SMALLEST || idleBytes + buffer.byteLength > maxIdleBytes) return
      idleBytes += buffer.byteLength
      const size = sizeClass(buffer.byteLength)
      const list = free[size]
      if (list === undefined) free[size] = [buffer]
      else list.push(buffer)
    },
    get idleBytes() {
      return idleBytes
    },
  }
}

const sizeClass = (bytes: number): number => Math.max(0, Math.ceil(Math.log2(bytes / SMALLEST)))

const classBytes = (size: number): number => SMALLEST * 2 ** size
