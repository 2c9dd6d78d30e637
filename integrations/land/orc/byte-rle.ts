/**
 * Byte run length encoding (ORCv1, "Byte Run Length Encoding"): a control byte 0…127 means a run of control + 3 equal
 * bytes, -1…-128 that many literals. Booleans are bits, most significant first, packed into such bytes.
 */
import { damaged } from './damaged.ts'
import type { InStream, PositionReader } from './in-stream.ts'
import type { OutStream } from './out-stream.ts'

const MIN_RUN = 3
const MAX_RUN = 130
const MAX_LITERALS = 128

export class ByteEncoder {
  readonly out: OutStream
  readonly #literals = new Uint8Array(MAX_LITERALS)
  #count = 0
  /** Equal bytes at the end of the literals, or the length of a run (then `#count` is 0). */
  #tail = 0
  #last = 0
  #running = false

  constructor(out: OutStream) {
    this.out = out
  }

  push(byte: number): void {
    if (this.#running) {
      if (byte === this.#last && this.#tail < MAX_RUN) {
        this.#tail++
        return
      }
      this.flush()
    }
    if (this.#count > 0 && byte === this.#last) {
      this.#tail++
      if (this.#tail === MIN_RUN) {
        this.#count -= MIN_RUN - 1
        this.#writeLiterals()
        this.#running = true
        return
      }
    } else {
      this.#tail = 1
      this.#last = byte
    }
    this.#literals[this.#count++] = byte
    if (this.#count === MAX_LITERALS) {
      this.#writeLiterals()
      this.#tail = 0
    }
  }

  /** Ends the open run, so that a row index can point behind it. */
  flush(): void {
    if (this.#running) {
      this.out.room()
      this.out.bytes[this.out.length++] = this.#tail - MIN_RUN
      this.out.bytes[this.out.length++] = this.#last
      this.out.commit()
    } else {
      this.#writeLiterals()
    }
    this.#running = false
    this.#tail = 0
  }

  /** Row index position behind everything flushed. */
  position(into: number[]): void {
    this.out.position(into)
    into.push(0)
  }

  #writeLiterals(): void {
    if (this.#count === 0) return
    const out = this.out
    out.room()
    out.bytes[out.length++] = -this.#count
    out.bytes.set(this.#literals.subarray(0, this.#count), out.length)
    out.length += this.#count
    this.#count = 0
    out.commit()
  }
}

export class BooleanEncoder {
  readonly #bytes: ByteEncoder
  #partial = 0
  #bits = 0

  constructor(out: OutStream) {
    this.#bytes = new ByteEncoder(out)
  }

  push(bit: number): void {
    this.#partial = (this.#partial << 1) | bit
    if (++this.#bits === 8) {
      this.#bytes.push(this.#partial)
      this.#partial = 0
      this.#bits = 0
    }
  }

  /** `count` times the same bit. */
  pushRun(bit: 0 | 1, count: number): void {
    let left = count
    while (left > 0 && this.#bits > 0) {
      this.push(bit)
      left--
    }
    const byte = bit === 1 ? 0xff : 0
    for (; left >= 8; left -= 8) this.#bytes.push(byte)
    for (; left > 0; left--) this.push(bit)
  }

  /** Bits of an Arrow bitmap (least significant first). */
  pushBits(bits: Uint8Array, offset: number, length: number): void {
    let bit = offset
    const end = offset + length
    if (this.#bits === 0) {
      for (; bit + 8 <= end; bit += 8) {
        const at = bit >> 3
        const shift = bit & 7
        const byte =
          shift === 0 ? (bits[at] as number) : (((bits[at] as number) | ((bits[at + 1] as number) << 8)) >> shift) & 0xff
        this.#bytes.push(REVERSED[byte] as number)
      }
    }
    for (; bit < end; bit++) this.push(((bits[bit >> 3] as number) >> (bit & 7)) & 1)
  }

  /** Ends the open run of whole bytes; the bits of an open byte will be the next run's first. */
  flushRun(): void {
    this.#bytes.flush()
  }

  /** Row index position of the next bit, after `flushRun`. */
  position(into: number[]): void {
    this.#bytes.position(into)
    into.push(this.#bits)
  }

  /** Ends the stream; the last byte is padded with zeros. */
  finish(): void {
    if (this.#bits > 0) {
      this.#bytes.push((this.#partial << (8 - this.#bits)) & 0xff)
      this.#partial = 0
      this.#bits = 0
    }
    this.#bytes.flush()
  }
}

export class ByteDecoder {
  readonly #in: InStream
  #left = 0
  #literal = false
  #value = 0

  constructor(input: InStream) {
    this.#in = input
  }

  next(): number {
    if (this.#left === 0) this.#header()
    this.#left--
    return this.#literal ? this.#in.byte() : this.#value
  }

  read(into: Uint8Array, count: number): void {
    let done = 0
    while (done < count) {
      if (this.#left === 0) this.#header()
      const piece = Math.min(this.#left, count - done)
      if (this.#literal) this.#in.copy(into, done, piece)
      else into.fill(this.#value, done, done + piece)
      this.#left -= piece
      done += piece
    }
  }

  skip(count: number): void {
    let left = count
    while (left > 0) {
      if (this.#left === 0) this.#header()
      const piece = Math.min(this.#left, left)
      if (this.#literal) this.#in.skip(piece)
      this.#left -= piece
      left -= piece
    }
  }

  seek(positions: PositionReader): void {
    this.#in.seek(positions)
    this.#left = 0
    this.skip(positions.next())
  }

  #header(): void {
    const control = this.#in.byte()
    this.#literal = control >= 0x80
    if (this.#literal) {
      this.#left = 0x100 - control
    } else {
      this.#left = control + MIN_RUN
      this.#value = this.#in.byte()
    }
  }
}

export class BooleanDecoder {
  readonly #bytes: ByteDecoder
  #byte = 0
  #bits = 0

  constructor(input: InStream) {
    this.#bytes = new ByteDecoder(input)
  }

  /** Reads `count` bits into an Arrow bitmap from bit 0; what follows the last bit in its byte is 0. Returns how many are set. */
  read(into: Uint8Array, count: number): number {
    const whole = count >> 3
    const rest = count & 7
    this.#bytesOf(into, whole)
    let set = 0
    for (let i = 0; i < whole; i++) {
      const byte = REVERSED[into[i] as number] as number
      into[i] = byte
      set += ONES[byte] as number
    }
    if (rest > 0) {
      let last = 0
      for (let i = 0; i < rest; i++) last |= this.#bit() << i
      into[whole] = last
      set += ONES[last] as number
    }
    return set
  }

  /** Passes over `count` bits; returns how many were set. */
  skip(count: number): number {
    let set = 0
    const scratch = new Uint8Array(Math.min(4096, (count + 7) >> 3))
    for (let left = count; left > 0; ) {
      const piece = Math.min(left, scratch.length * 8)
      set += this.read(scratch, piece)
      left -= piece
    }
    return set
  }

  seek(positions: PositionReader): void {
    this.#bytes.seek(positions)
    this.#bits = 0
    const bits = positions.next()
    if (bits > 8) throw damaged('row index', `a position of ${bits} bits`)
    for (let i = 0; i < bits; i++) this.#bit()
  }

  #bit(): number {
    if (this.#bits === 0) {
      this.#byte = this.#bytes.next()
      this.#bits = 8
    }
    return (this.#byte >> --this.#bits) & 1
  }

  /** `count` bytes of bits, most significant first, from wherever the open byte stands. */
  #bytesOf(into: Uint8Array, count: number): void {
    if (count === 0) return
    this.#bytes.read(into, count)
    const bits = this.#bits
    if (bits === 0) return
    let open = this.#byte
    for (let i = 0; i < count; i++) {
      const next = into[i] as number
      into[i] = (open << (8 - bits)) | (next >> bits)
      open = next
    }
    this.#byte = open
  }
}

const REVERSED = Uint8Array.from({ length: 256 }, (_, byte) => {
  let out = 0
  for (let i = 0; i < 8; i++) out |= ((byte >> i) & 1) << (7 - i)
  return out
})

const ONES = Uint8Array.from({ length: 256 }, (_, byte) => {
  let out = 0
  for (let rest = byte; rest > 0; rest >>= 1) out += rest & 1
  return out
})
