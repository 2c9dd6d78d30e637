/**
 * Definition levels of a flat optional column: 1 where there is a value, 0 where there is a null.
 * Encodings.md "Run Length Encoding / Bit-Packing Hybrid (RLE = 3)", bit width 1.
 */

const varint = (to: Uint8Array, at: number, value: number): number => {
  let position = at
  let rest = value
  while (rest >= 0x80) {
    to[position++] = (rest & 0x7f) | 0x80
    rest >>>= 7
  }
  to[position++] = rest
  return position
}

/** ULEB128 as run headers are written. */
export const writeVarint = varint

/** Room that the levels of a page of `rows` rows need at most. */
export function levelsCapacity(rows: number): number {
  return 4 + 5 + 1 + ((rows + 7) >> 3)
}

/**
 * Writes the levels of a DATA_PAGE (V1): four bytes of length, then the runs. Arrow's validity bitmap already is the
 * bit-packed form (both little-endian, 1 = present). Returns the bytes written from the start of `to`.
 */
export function writeDefinitionLevels(to: Uint8Array, validity: Uint8Array, rows: number, nulls: number): number {
  let end: number
  if (nulls === 0 || nulls === rows) {
    // rle-run := <header> <repeated-value>, header = run length << 1
    end = varint(to, 4, rows * 2)
    to[end++] = nulls === 0 ? 1 : 0
  } else {
    // bit-packed-run := <header> <values>, header = groups of eight << 1 | 1
    const groups = (rows + 7) >> 3
    end = varint(to, 4, groups * 2 + 1)
    to.set(validity.subarray(0, groups), end)
    end += groups
  }
  // V1 pages, RLE: the length of the encoded data comes first, in four bytes.
  const length = end - 4
  to[0] = length & 0xff
  to[1] = (length >> 8) & 0xff
  to[2] = (length >> 16) & 0xff
  to[3] = length >>> 24
  return end
}
