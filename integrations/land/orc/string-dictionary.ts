/** The distinct strings of a column in one stripe, found by hash; entries keep the order of their first appearance. */

const FNV_PRIME = 0x01000193
const RECENT = 64

export class StringDictionary {
  bytes = new Uint8Array(4_096)
  /** Entry `i` is bytes [offsets[i], offsets[i + 1]). */
  offsets = new Int32Array(257)
  count = 0
  #slots = new Int32Array(1_024).fill(-1)
  #hashes = new Int32Array(256)
  readonly #recent = new Int32Array(RECENT)

  get length(): number {
    return this.offsets[this.count] as number
  }

  clear(): void {
    this.count = 0
    this.#slots.fill(-1)
  }

  /** The code of bytes [from, to) of `source`, which becomes an entry when it is new. */
  code(source: Uint8Array, from: number, to: number): number {
    // Columns of few values: the last entry of this length and last byte is it, most of the time.
    const guess = (((to - from) << 3) ^ (to > from ? (source[to - 1] as number) : 0)) & (RECENT - 1)
    const recent = this.#recent[guess] as number
    if (recent < this.count && this.#equals(recent, source, from, to)) return recent
    const code = this.#find(source, from, to)
    this.#recent[guess] = code
    return code
  }

  #find(source: Uint8Array, from: number, to: number): number {
    let hash = 0x811c9dc5 ^ (to - from)
    for (let i = from; i < to; i++) hash = Math.imul(hash ^ (source[i] as number), FNV_PRIME)
    hash ^= hash >>> 15
    const mask = this.#slots.length - 1
    let slot = hash & mask
    for (;;) {
      const found = this.#slots[slot] as number
      if (found < 0) break
      if (this.#hashes[found] === hash && this.#equals(found, source, from, to)) return found
      slot = (slot + 1) & mask
    }
    const code = this.#add(source, from, to, hash)
    this.#slots[slot] = code
    if (this.count * 2 > this.#slots.length) this.#rehash()
    return code
  }

  entry(code: number): Uint8Array {
    return this.bytes.subarray(this.offsets[code], this.offsets[code + 1])
  }

  #equals(code: number, source: Uint8Array, from: number, to: number): boolean {
    const start = this.offsets[code] as number
    if ((this.offsets[code + 1] as number) - start !== to - from) return false
    const { bytes } = this
    for (let i = from, j = start; i < to; i++, j++) if (source[i] !== bytes[j]) return false
    return true
  }

  #add(source: Uint8Array, from: number, to: number, hash: number): number {
    const code = this.count++
    const start = this.offsets[code] as number
    const end = start + to - from
    if (end > this.bytes.length) {
      const grown = new Uint8Array(Math.max(end, this.bytes.length * 2))
      grown.set(this.bytes.subarray(0, start))
      this.bytes = grown
    }
    if (code + 1 >= this.offsets.length) {
      const offsets = new Int32Array(this.offsets.length * 2)
      offsets.set(this.offsets)
      this.offsets = offsets
      const hashes = new Int32Array(this.offsets.length)
      hashes.set(this.#hashes)
      this.#hashes = hashes
    }
    this.bytes.set(source.subarray(from, to), start)
    this.offsets[code + 1] = end
    this.#hashes[code] = hash
    return code
  }

  #rehash(): void {
    this.#slots = new Int32Array(this.#slots.length * 4).fill(-1)
    const mask = this.#slots.length - 1
    for (let code = 0; code < this.count; code++) {
      let slot = (this.#hashes[code] as number) & mask
      while ((this.#slots[slot] as number) >= 0) slot = (slot + 1) & mask
      this.#slots[slot] = code
    }
  }
}
