/**
 * The newest change of each key: an open-addressing table in typed arrays, so that two million keys cost about 100 MB. Keys are the
 * first 96 bits of the MD5 of their text. Pure.
 */
import { comparePositions } from './position-words.ts'

const KEY_WORDS = 3
const POSITION_WORDS = 4
const FIRST_CAPACITY = 1 << 12
const MAX_LOAD = 0.6

export class NewestChanges {
  #capacity = FIRST_CAPACITY
  #keys = new Int32Array(FIRST_CAPACITY * KEY_WORDS)
  #positions = new Uint32Array(FIRST_CAPACITY * POSITION_WORDS)
  #used = new Uint8Array(FIRST_CAPACITY)
  #size = 0

  get size(): number {
    return this.#size
  }

  /** Keeps the position if it is the key's newest. */
  put(key: Int32Array, position: Uint32Array): void {
    if (this.#size + 1 > this.#capacity * MAX_LOAD) this.#grow()
    const slot = this.#slot(key, 0)
    if (this.#used[slot] === 0) {
      this.#used[slot] = 1
      this.#size++
      for (let word = 0; word < KEY_WORDS; word++) this.#keys[slot * KEY_WORDS + word] = key[word] as number
    } else if (comparePositions(this.#positions, slot * POSITION_WORDS, position, 0) >= 0) return
    this.#positions.set(position, slot * POSITION_WORDS)
  }

  /** Keeps the position of a base row if the key has changes and all of them are older. */
  raise(key: Int32Array, position: Uint32Array): void {
    const slot = this.#slot(key, 0)
    if (this.#used[slot] === 0 || comparePositions(this.#positions, slot * POSITION_WORDS, position, 0) >= 0) return
    this.#positions.set(position, slot * POSITION_WORDS)
  }

  /** How the key's newest change compares with the position: null when the key has none. */
  compare(key: Int32Array, position: Uint32Array): number | null {
    const slot = this.#slot(key, 0)
    return this.#used[slot] === 0 ? null : comparePositions(this.#positions, slot * POSITION_WORDS, position, 0)
  }

  #slot(key: Int32Array, at: number): number {
    const mask = this.#capacity - 1
    let slot = (key[at] as number) & mask
    while (this.#used[slot] === 1) {
      const held = slot * KEY_WORDS
      if (this.#keys[held] === key[at] && this.#keys[held + 1] === key[at + 1] && this.#keys[held + 2] === key[at + 2]) break
      slot = (slot + 1) & mask
    }
    return slot
  }

  #grow(): void {
    const [keys, positions, used] = [this.#keys, this.#positions, this.#used]
    this.#capacity *= 2
    this.#keys = new Int32Array(this.#capacity * KEY_WORDS)
    this.#positions = new Uint32Array(this.#capacity * POSITION_WORDS)
    this.#used = new Uint8Array(this.#capacity)
    for (let old = 0; old < used.length; old++) {
      if (used[old] === 0) continue
      const slot = this.#slot(keys, old * KEY_WORDS)
      this.#used[slot] = 1
      this.#keys.set(keys.subarray(old * KEY_WORDS, (old + 1) * KEY_WORDS), slot * KEY_WORDS)
      this.#positions.set(positions.subarray(old * POSITION_WORDS, (old + 1) * POSITION_WORDS), slot * POSITION_WORDS)
    }
  }
}
