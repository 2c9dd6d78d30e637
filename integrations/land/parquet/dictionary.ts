/**
 * The dictionary of one column chunk (Encodings.md "Dictionary Encoding"): distinct values, PLAIN-encoded in order of first
 * appearance. Values are compared by their bytes, so that -0 and 0, and NaNs of different payloads, stay apart.
 */
import type { ByteStrings } from './column-view.ts'
import { GrowingBytes } from './growing-bytes.ts'
import { appendString, stringLength } from './plain-values.ts'

/** Beyond this many distinct values a dictionary does not pay. */
export const MAX_DICTIONARY_ENTRIES = 1024

/** A dictionary page is at most this large, however few its entries. */
const MAX_DICTIONARY_BYTES = 1024 * 1024

const HASH_BITS = 12
const SLOTS = 1 << HASH_BITS
const MASK = SLOTS - 1

const slotOf = (hash: number): number => Math.imul(hash ^ (hash >>> 15), 0x9e3779b1) >>> (32 - HASH_BITS)

export type DictionaryMark = { readonly size: number; readonly length: number }

export class ChunkDictionary {
  readonly entries = new GrowingBytes(256)
  size = 0
  /** Entry number plus one; 0 = free. Open addressing, a quarter full at most. */
  readonly #slots = new Uint16Array(SLOTS)
  readonly #starts = new Int32Array(MAX_DICTIONARY_ENTRIES + 1)

  get allocated(): number {
    return this.entries.bytes.length + this.#slots.byteLength + this.#starts.byteLength
  }

  clear(): void {
    this.size = 0
    this.entries.length = 0
    this.#slots.fill(0)
  }

  mark(): DictionaryMark {
    return { size: this.size, length: this.entries.length }
  }

  /** Forgets entries added since the mark. Nothing may be looked up afterwards until `clear`. */
  rewind(mark: DictionaryMark): void {
    this.size = mark.size
    this.entries.length = mark.length
  }

  /** Where an entry's PLAIN bytes start, from the entries' base. */
  start(entry: number): number {
    return this.#starts[entry] as number
  }

  /** Numbers of INT32 and FLOAT values, into `indices`; false when the dictionary is full. */
  indexInt32(page: GrowingBytes, count: number, indices: Uint16Array): boolean {
    const values = page.int32
    const first = page.base >> 2
    const entries = this.entries
    const slots = this.#slots
    entries.reserve(MAX_DICTIONARY_ENTRIES * 4)
    const known = entries.int32
    for (let i = 0; i < count; i++) {
      const value = values[first + i] as number
      let slot = slotOf(value)
      let entry = slots[slot] as number
      while (entry !== 0 && known[entry - 1] !== value) {
        slot = (slot + 1) & MASK
        entry = slots[slot] as number
      }
      if (entry === 0) {
        if (this.size === MAX_DICTIONARY_ENTRIES) return false
        known[this.size] = value
        this.#starts[this.size] = this.size * 4
        entry = ++this.size
        entries.length = entry * 4
        slots[slot] = entry
      }
      indices[i] = entry - 1
    }
    return true
  }

  /** Numbers of INT64 and DOUBLE values. */
  indexInt64(page: GrowingBytes, count: number, indices: Uint16Array): boolean {
    const values = page.int32
    const first = page.base >> 2
    const entries = this.entries
    const slots = this.#slots
    entries.reserve(MAX_DICTIONARY_ENTRIES * 8)
    const known = entries.int32
    for (let i = 0; i < count; i++) {
      const low = values[first + i * 2] as number
      const high = values[first + i * 2 + 1] as number
      let slot = slotOf(low ^ Math.imul(high, 0x85ebca6b))
      let entry = slots[slot] as number
      while (entry !== 0 && (known[entry * 2 - 2] !== low || known[entry * 2 - 1] !== high)) {
        slot = (slot + 1) & MASK
        entry = slots[slot] as number
      }
      if (entry === 0) {
        if (this.size === MAX_DICTIONARY_ENTRIES) return false
        known[this.size * 2] = low
        known[this.size * 2 + 1] = high
        this.#starts[this.size] = this.size * 8
        entry = ++this.size
        entries.length = entry * 8
        slots[slot] = entry
      }
      indices[i] = entry - 1
    }
    return true
  }

  /** Numbers of values of `width` bytes each. */
  indexFixed(page: GrowingBytes, count: number, indices: Uint16Array, width: number): boolean {
    for (let i = 0; i < count; i++) {
      const entry = this.#entryOf(page, page.base + i * width, width)
      if (entry < 0) return false
      indices[i] = entry
    }
    return true
  }

  /** Numbers of BYTE_ARRAY values, each with its length in front. */
  indexByteArrays(page: GrowingBytes, count: number, indices: Uint16Array): boolean {
    let at = page.base
    for (let i = 0; i < count; i++) {
      const length = 4 + page.view.getInt32(at, true)
      const entry = this.#entryOf(page, at, length)
      if (entry < 0) return false
      indices[i] = entry
      at += length
    }
    return true
  }

  /** Number of one Arrow dictionary entry; -1 when the dictionary is full. `scratch` is overwritten. */
  indexString(strings: ByteStrings, index: number, scratch: GrowingBytes): number {
    scratch.length = 0
    scratch.reserve(4 + stringLength(strings, index))
    appendString(scratch, strings, index)
    return this.#entryOf(scratch, scratch.base, scratch.length)
  }

  /** Finds or adds the `length` bytes at `at`; -1 when full. Reads whole words: up to three bytes past the end. */
  #entryOf(page: GrowingBytes, at: number, length: number): number {
    const { view } = page
    const tail = length & 3
    const whole = length - tail
    const tailMask = (1 << (tail * 8)) - 1
    let hash = length
    for (let i = 0; i < whole; i += 4) hash = Math.imul(hash ^ view.getInt32(at + i, true), 0x9e3779b1) ^ (hash >>> 15)
    if (tail !== 0) hash = Math.imul(hash ^ (view.getInt32(at + whole, true) & tailMask), 0x9e3779b1)
    let slot = slotOf(hash)
    let entry = this.#slots[slot] as number
    const known = this.entries
    while (entry !== 0) {
      const start = this.#starts[entry - 1] as number
      if ((this.#starts[entry] as number) - start === length) {
        let i = 0
        while (i < whole && known.view.getInt32(start + i, true) === view.getInt32(at + i, true)) i += 4
        const differs =
          tail !== 0 && ((known.view.getInt32(start + whole, true) ^ view.getInt32(at + whole, true)) & tailMask) !== 0
        if (i === whole && !differs) return entry - 1
      }
      slot = (slot + 1) & MASK
      entry = this.#slots[slot] as number
    }
    if (this.size === MAX_DICTIONARY_ENTRIES || known.length + length > MAX_DICTIONARY_BYTES) return -1
    known.reserve(length)
    known.bytes.set(page.bytes.subarray(at, at + length), known.length)
    this.#starts[this.size] = known.length
    known.length += length
    this.#slots[slot] = ++this.size
    this.#starts[this.size] = known.length
    return this.size - 1
  }
}
