/**
 * Finds where a Thrift message ends in a stream without frames, looking at every byte once: a client that parses from the
 * beginning with each packet takes quadratic time for a page of megabytes. Pure.
 */
import { ThriftFormatError, TYPE, VERSION_1, VERSION_MASK, WIDTHS } from './binary-protocol.ts'

const MAX_DEPTH = 64

/** The unread part of a stream; `want` says how many bytes the parser needs to go on. */
class Window {
  #bytes: Buffer = Buffer.alloc(0)
  #at = 0
  /** Bytes read since the message began. */
  consumed = 0

  feed(chunk: Buffer): void {
    if (this.#at >= this.#bytes.length) {
      this.#at -= this.#bytes.length
      this.#bytes = chunk
    } else {
      this.#bytes = Buffer.concat([this.#bytes.subarray(this.#at), chunk])
      this.#at = 0
    }
  }

  /** Whether so many bytes can be read now; skipped bytes may still be to come. */
  has(count: number): boolean {
    return this.#at + count <= this.#bytes.length
  }

  byte(): number {
    this.consumed++
    return this.#bytes.readInt8(this.#at++)
  }

  i32(): number {
    this.consumed += 4
    this.#at += 4
    return this.#bytes.readInt32BE(this.#at - 4)
  }

  skip(count: number): void {
    this.consumed += count
    this.#at += count
  }

  /** The unread bytes. */
  rest(): Buffer {
    return this.#bytes.subarray(Math.min(this.#at, this.#bytes.length))
  }
}

export class MessageScanner {
  readonly #maxBytes: number
  #chunks: Buffer[] = []
  #window = new Window()
  #parser = message(this.#window)

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  /** The first message that is whole now, or null. Throws `ThriftFormatError` when the stream holds something else. */
  feed(chunk: Buffer): Buffer | null {
    this.#chunks.push(chunk)
    this.#window.feed(chunk)
    const { done } = this.#parser.next()
    if (this.#window.consumed > this.#maxBytes) throw new ThriftFormatError(`a message is longer than ${this.#maxBytes} bytes`)
    if (done !== true) return null
    const whole = Buffer.concat(this.#chunks)
    const rest = this.#window.rest()
    this.#chunks = []
    this.#window = new Window()
    this.#parser = message(this.#window)
    // Nobody asks two things at once, so nothing may follow an answer.
    if (rest.length > 0) throw new ThriftFormatError('bytes follow the end of a message')
    return whole
  }
}

/** Yields when it needs more bytes; returns at the end of the message. */
function* message(window: Window): Generator<void, void> {
  while (!window.has(4)) yield
  if ((window.i32() & VERSION_MASK) >>> 0 !== VERSION_1) throw new ThriftFormatError('the stream is not Thrift’s binary protocol')
  while (!window.has(4)) yield
  window.skip(length(window))
  while (!window.has(4)) yield
  window.skip(4)
  yield* value(window, TYPE.struct, 0)
}

function* value(window: Window, type: number, depth: number): Generator<void, void> {
  if (depth > MAX_DEPTH) throw new ThriftFormatError('a message is nested too deep')
  const width = WIDTHS[type]
  if (width !== undefined) {
    window.skip(width)
    return
  }
  switch (type) {
    case TYPE.string:
      while (!window.has(4)) yield
      window.skip(length(window))
      return
    case TYPE.struct:
      while (true) {
        while (!window.has(1)) yield
        const field = window.byte()
        if (field === TYPE.stop) return
        window.skip(2)
        yield* value(window, field, depth + 1)
      }
    case TYPE.map: {
      while (!window.has(6)) yield
      const [key, item] = [window.byte(), window.byte()]
      const size = length(window)
      const [keyWidth, itemWidth] = [WIDTHS[key], WIDTHS[item]]
      // Else a size alone, with nothing behind it, would be counted up to.
      if (keyWidth !== undefined && itemWidth !== undefined) {
        window.skip((keyWidth + itemWidth) * size)
        return
      }
      for (let index = 0; index < size; index++) {
        yield* value(window, key, depth + 1)
        yield* value(window, item, depth + 1)
      }
      return
    }
    case TYPE.set:
    case TYPE.list: {
      while (!window.has(5)) yield
      const item = window.byte()
      yield* items(window, { type: item, size: length(window), depth })
      return
    }
    default:
      throw new ThriftFormatError(`the stream holds type ${type}, which the protocol has not`)
  }
}

/** Columns are lists of scalars and texts: those go without a parser of their own. */
function* items(
  window: Window,
  { type, size, depth }: { readonly type: number; readonly size: number; readonly depth: number },
): Generator<void, void> {
  const width = WIDTHS[type]
  if (width !== undefined) {
    window.skip(width * size)
    return
  }
  for (let index = 0; index < size; index++) {
    if (type === TYPE.string) {
      while (!window.has(4)) yield
      window.skip(length(window))
    } else {
      yield* value(window, type, depth + 1)
    }
  }
}

function length(window: Window): number {
  const count = window.i32()
  if (count < 0) throw new ThriftFormatError('a length is negative')
  return count
}
