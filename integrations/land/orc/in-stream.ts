/** One stream of a stripe while it is read: its blocks are opened one after the other, as they are needed. */
import { openBlock, type ReaderCompression } from './compression.ts'
import { damaged } from './damaged.ts'
import { CompressionKind } from './messages.ts'

const NOTHING = new Uint8Array(0)

/**
 * Decoders read `bytes[at…end)`. Memory is one open block, whatever the stream's size; what a hostile stream expands to
 * is opened only as far as rows are asked for.
 */
export class InStream {
  bytes: Uint8Array = NOTHING
  at = 0
  end = 0
  readonly name: string
  readonly #source: Uint8Array
  readonly #compression: ReaderCompression
  #next = 0

  constructor(name: string, source: Uint8Array, compression: ReaderCompression) {
    this.name = name
    this.#source = source
    this.#compression = compression
    if (compression.kind === CompressionKind.NONE) {
      this.bytes = source
      this.end = source.length
      this.#next = source.length
    }
  }

  /** True when another byte can be read. */
  get more(): boolean {
    while (this.at === this.end) {
      if (this.#next >= this.#source.length) return false
      this.#open()
    }
    return true
  }

  /** Makes up to `count` bytes stand together at `at`: fewer only where the stream ends. */
  gather(count: number): void {
    while (this.end - this.at < count && this.#next < this.#source.length) {
      const rest = this.bytes.subarray(this.at, this.end)
      this.#open()
      if (rest.length === 0) continue
      const joined = new Uint8Array(rest.length + this.end)
      joined.set(rest)
      joined.set(this.bytes.subarray(0, this.end), rest.length)
      this.bytes = joined
      this.end = joined.length
    }
  }

  byte(): number {
    if (this.at === this.end && !this.more) throw this.short()
    return this.bytes[this.at++] as number
  }

  /** Copies the next `count` bytes to `target`. */
  copy(target: Uint8Array, from: number, count: number): void {
    let done = 0
    while (done < count) {
      if (this.at === this.end && !this.more) throw this.short()
      const piece = Math.min(count - done, this.end - this.at)
      target.set(this.bytes.subarray(this.at, this.at + piece), from + done)
      this.at += piece
      done += piece
    }
  }

  skip(count: number): void {
    let left = count
    while (left > 0) {
      if (this.at === this.end && !this.more) throw this.short()
      const piece = Math.min(left, this.end - this.at)
      this.at += piece
      left -= piece
    }
  }

  /** Goes to a position of a row index: start of a block and offset in it, or one offset without compression. */
  seek(positions: PositionReader): void {
    const first = positions.next()
    if (this.#compression.kind === CompressionKind.NONE) {
      if (first > this.end) throw damaged(this.name, 'a row index points beyond its end')
      this.at = first
      return
    }
    if (first > this.#source.length) throw damaged(this.name, 'a row index points beyond its end')
    const offset = positions.next()
    this.#next = first
    this.at = 0
    this.end = 0
    this.bytes = NOTHING
    this.skip(offset)
  }

  /** The error of a stream that ends before its values do. */
  short(): Error {
    return damaged(this.name, 'it ends before its rows do')
  }

  #open(): void {
    const { block, next } = openBlock(this.#source, this.#next, this.#compression)
    this.bytes = block
    this.at = 0
    this.end = block.length
    this.#next = next
  }
}

/** The numbers of one row index entry, taken in the order of the column's streams. */
export class PositionReader {
  readonly #positions: readonly number[]
  #at = 0

  constructor(positions: readonly number[]) {
    this.#positions = positions
  }

  next(): number {
    const value = this.#positions[this.#at++]
    if (value === undefined) throw damaged('row index', 'an entry has too few positions')
    return value
  }
}
