/** Numbers that look random and are a function of where they are asked for: the same book on every machine. */

/** A 32-bit integer from a row number and a salt (the finaliser of MurmurHash3). */
export function noise(row: number, salt: number): number {
  let h = Math.imul(row ^ 0x9e3779b9, 0x85ebca6b) ^ Math.imul(salt + 1, 0xc2b2ae35)
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return (h ^ (h >>> 16)) >>> 0
}

/** In [0, 1). */
export function fraction(row: number, salt: number): number {
  return noise(row, salt) / 0x1_0000_0000
}

/** An integer in [0, limit). */
export function below(limit: number, row: number, salt: number): number {
  return Math.floor(fraction(row, salt) * limit)
}

/** One of the values. */
export function pick<T>(values: readonly [T, ...T[]], row: number, salt: number): T {
  return values[below(values.length, row, salt)] ?? values[0]
}
