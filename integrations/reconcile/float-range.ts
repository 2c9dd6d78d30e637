/** What engines can agree on about floats: how many there are, how many are no numbers, the least and the greatest. Pure. */
import type { RowText } from './row-text.ts'

const NAN = 0x4e

export class FloatRange {
  readonly #width: 4 | 8
  readonly #view = new DataView(new ArrayBuffer(8))
  count = 0
  nans = 0
  min: number | null = null
  max: number | null = null

  constructor(width: 4 | 8) {
    this.#width = width
  }

  /** `text[start, end)` is the float's canonical text, its bits as hex. */
  add({ bytes }: RowText, start: number, end: number, sign: 1 | -1): void {
    if (end - start === 2) return
    this.count += sign
    if (bytes[start] === NAN) {
      this.nans += sign
      return
    }
    for (let i = 0; i < this.#width; i++) {
      this.#view.setUint8(i, (digit(bytes[start + 2 * i] as number) << 4) | digit(bytes[start + 2 * i + 1] as number))
    }
    const value = this.#width === 4 ? this.#view.getFloat32(0) : this.#view.getFloat64(0)
    if (this.min === null || value < this.min) this.min = value
    if (this.max === null || value > this.max) this.max = value
  }

  /** Zeros of both signs are alike. */
  equals(other: FloatSummary): boolean {
    return this.count === other.count && this.nans === other.nans && same(this.min, other.min) && same(this.max, other.max)
  }
}

export type FloatSummary = Pick<FloatRange, 'count' | 'nans' | 'min' | 'max'>

const same = (a: number | null, b: number | null): boolean =>
  (a ?? Number.NaN) === (b ?? Number.NaN) || (a === null && b === null)

const digit = (code: number): number => (code >= 0x61 ? code - 0x57 : code - 0x30)
