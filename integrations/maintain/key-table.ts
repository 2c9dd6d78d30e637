/** Keys of rows, as bytes, in a hash table of bounded size: which row of a key stands. Pure but for its memory. */

/** Entries and key bytes that one table may hold: about 150 MB together. */
export const MAX_KEYS = 2_500_000
export const MAX_KEY_BYTES = 64 * 1024 ** 2

const FNV_PRIME = 16_777_619

/** 32 bits over the first `length` bytes; equal bytes, equal hash. */
export function hashOf(bytes: Uint8Array, length: number): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < length; i++) hash = Math.imul(hash ^ (bytes[i] as number), FNV_PRIME)
  // FNV leaves the low bits poor: they choose the slot.
  hash ^= hash >>> 15
  hash = Math.imul(hash, 0x85ebca6b)
  hash ^= hash >>> 13
  hash = Math.imul(hash, 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}

/** The key set does not fit: the caller divides its keys further. */
export class KeyTableFullSignal extends Error {}

/**
 * Each key has one entry with two numbers of the caller's (`file` and `row`). Keys are compared byte by byte: a hash decides
 * nothing.
 */
export class KeyTable {
  #slots = new Int32Array(1 << 12)
  /** A bit for the upper bits of each hash: most keys that are looked for are not there, and this is small enough to stay near. */
  #filter = new Uint32Array(1 << 10)
  #filterShift = 17
  #hashes = new Uint32Array(1 << 11)
  #starts = new Int32Array((1 << 11) + 1)
  #files = new Int32Array(1 << 11)
  #rows = new Int32Array(1 << 11)
  #bytes = new Uint8Array(1 << 16)
  #count = 0

  get count(): number {
    return this.#count
  }

  clear(): void {
    this.#slots.fill(0)
    this.#filter.fill(0)
    this.#count = 0
  }

  file(entry: number): number {
    return this.#files[entry] as number
  }

  row(entry: number): number {
    return this.#rows[entry] as number
  }

  set(entry: number, file: number, row: number): void {
    this.#files[entry] = file
    this.#rows[entry] = row
  }

  /** The key's entry; -1 when there is none. */
  find(key: Uint8Array, length: number, hash: number): number {
    const bit = hash >>> this.#filterShift
    if ((((this.#filter[bit >>> 5] as number) >>> (bit & 31)) & 1) === 0) return -1
    const mask = this.#slots.length - 1
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const entry = (this.#slots[slot] as number) - 1
      if (entry < 0 || this.#equals(entry, key, length, hash)) return entry
    }
  }

  /** The key's entry, made when there is none; throws `KeyTableFullSignal`. */
  add(key: Uint8Array, length: number, hash: number): { readonly entry: number; readonly isNew: boolean } {
    const mask = this.#slots.length - 1
    let slot = hash & mask
    for (; ; slot = (slot + 1) & mask) {
      const entry = (this.#slots[slot] as number) - 1
      if (entry < 0) break
      if (this.#equals(entry, key, length, hash)) return { entry, isNew: false }
    }
    const entry = this.#count
    const start = this.#starts[entry] as number
    if (entry >= MAX_KEYS || start + length > MAX_KEY_BYTES) throw new KeyTableFullSignal()
    this.#slots[slot] = entry + 1
    this.#hashes[entry] = hash
    this.#mark(hash)
    this.#makeRoom(start + length)
    this.#bytes.set(key.subarray(0, length), start)
    this.#starts[entry + 1] = start + length
    this.#count++
    if (this.#count * 2 > this.#slots.length) this.#rehash()
    return { entry, isNew: true }
  }

  #equals(entry: number, key: Uint8Array, length: number, hash: number): boolean {
    if (this.#hashes[entry] !== hash) return false
    const start = this.#starts[entry] as number
    if ((this.#starts[entry + 1] as number) - start !== length) return false
    for (let i = 0; i < length; i++) if (this.#bytes[start + i] !== key[i]) return false
    return true
  }

  #makeRoom(bytes: number): void {
    if (bytes > this.#bytes.length) this.#bytes = grown(this.#bytes, Math.max(bytes, this.#bytes.length * 2))
    if (this.#count + 1 < this.#hashes.length) return
    const size = this.#hashes.length * 2
    this.#hashes = grown(this.#hashes, size)
    this.#starts = grown(this.#starts, size + 1)
    this.#files = grown(this.#files, size)
    this.#rows = grown(this.#rows, size)
  }

  #mark(hash: number): void {
    const bit = hash >>> this.#filterShift
    this.#filter[bit >>> 5] = (this.#filter[bit >>> 5] as number) | (1 << (bit & 31))
  }

  /** The filter has eight bits for each slot, sixteen or more for each key. */
  #rehash(): void {
    this.#slots = new Int32Array(this.#slots.length * 2)
    this.#filter = new Uint32Array(this.#slots.length >> 2)
    this.#filterShift--
    for (let entry = 0; entry < this.#count; entry++) this.#mark(this.#hashes[entry] as number)
    const mask = this.#slots.length - 1
    for (let entry = 0; entry < this.#count; entry++) {
      let slot = (this.#hashes[entry] as number) & mask
      while (this.#slots[slot] !== 0) slot = (slot + 1) & mask
      this.#slots[slot] = entry + 1
    }
  }
}

function grown<T extends Uint8Array | Uint32Array | Int32Array>(from: T, length: number): T {
  const to = new (from.constructor as new (length: number) => T)(length)
  to.set(from)
  return to
}
