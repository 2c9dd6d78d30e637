/** One stream of a stripe while it is written: bytes go in, finished compressed blocks come out. */
import { BLOCK_SIZE, type BlockCompressor, frameBlock } from './compression.ts'

/** The largest piece that an encoder writes between two calls of `commit`. */
export const MAX_PIECE = 8_192

/**
 * Encoders call `room()`, write at `bytes[length…]`, move `length` and call `commit()`. A block closes as soon as it is
 * full, so that memory is one open block per stream plus the compressed ones.
 */
export class OutStream {
  bytes = new Uint8Array(512)
  length = 0
  readonly #compress: BlockCompressor
  #blocks: Uint8Array[] = []
  #closed = 0

  constructor(compress: BlockCompressor) {
    this.#compress = compress
  }

  /** Bytes closed or buffered. */
  get size(): number {
    return this.#closed + this.length
  }

  /** Makes sure that `MAX_PIECE` bytes can be written at `length`. */
  room(): void {
    if (this.length + MAX_PIECE <= this.bytes.length) return
    const grown = new Uint8Array(Math.min(BLOCK_SIZE + MAX_PIECE, Math.max(this.length + MAX_PIECE, this.bytes.length * 2)))
    grown.set(this.bytes.subarray(0, this.length))
    this.bytes = grown
  }

  commit(): void {
    if (this.length < BLOCK_SIZE) return
    this.#close(BLOCK_SIZE)
  }

  /** Copies bytes of any length. */
  write(source: Uint8Array, from: number, to: number): void {
    let at = from
    while (at < to) {
      const piece = Math.min(to - at, BLOCK_SIZE - this.length)
      this.#grow(this.length + piece)
      this.bytes.set(source.subarray(at, at + piece), this.length)
      this.length += piece
      at += piece
      this.commit()
    }
  }

  /** Appends where the next byte will stand: start of its block and offset in it, or one offset without compression. */
  position(into: number[]): void {
    if (this.#compress === null) into.push(this.#closed + this.length)
    else into.push(this.#closed, this.length)
  }

  /** Ends the stream: its blocks in order and their total size. The object starts over empty. */
  take(): { readonly blocks: readonly Uint8Array[]; readonly size: number } {
    if (this.length > 0) this.#close(this.length)
    const taken = { blocks: this.#blocks, size: this.#closed }
    this.#blocks = []
    this.#closed = 0
    return taken
  }

  /** Forgets everything. */
  clear(): void {
    this.#blocks = []
    this.#closed = 0
    this.length = 0
  }

  #grow(size: number): void {
    if (size <= this.bytes.length) return
    const grown = new Uint8Array(Math.min(BLOCK_SIZE + MAX_PIECE, Math.max(size, this.bytes.length * 2)))
    grown.set(this.bytes.subarray(0, this.length))
    this.bytes = grown
  }

  #close(size: number): void {
    const block = this.bytes.subarray(0, size)
    const closed = this.#compress === null ? block.slice() : frameBlock(block, this.#compress)
    this.#blocks.push(closed)
    this.#closed += closed.length
    this.bytes.copyWithin(0, size, this.length)
    this.length -= size
  }
}
