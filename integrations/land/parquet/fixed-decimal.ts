/** Decimals in fewer than sixteen bytes (LogicalTypes.md, DECIMAL): two's complement, big-endian, as wide as the precision takes. */
import type { AppendValues } from './plain-values.ts'

/**
 * Decimal128 into FIXED_LEN_BYTE_ARRAY(`width`), `width` < 16. It returns false when a value does not fit: the bytes left out must only
 * repeat the sign.
 */
export function appendNarrowFixedDecimal(width: number): AppendValues {
  const whole = width >> 2
  const partBits = (width & 3) * 8
  return (page, column, from, to) => {
    const { values, validity, validityOffset } = column
    if (values.form !== 'decimal') return true
    page.reserve((to - from) * width)
    const { view, bytes } = page
    const source = values.words
    let at = page.end
    let lost = 0
    for (let row = from; row < to; row++) {
      const bit = validityOffset + row
      const valid = validity === null ? 1 : ((validity[bit >> 3] as number) >> (bit & 7)) & 1
      const first = row * 4
      for (let word = 0; word < whole; word++) view.setInt32(at + width - 4 - word * 4, source[first + word] as number)
      const top = source[first + whole] as number
      for (let shift = partBits - 8, to = at; shift >= 0; shift -= 8) bytes[to++] = top >> shift
      const sign = partBits === 0 ? (source[first + whole - 1] as number) >> 31 : (top << (32 - partBits)) >> 31
      let rest = partBits === 0 ? top ^ sign : (top >> (partBits - 1)) ^ sign
      for (let word = whole + 1; word < 4; word++) rest |= (source[first + word] as number) ^ sign
      lost |= -valid & rest
      at += width * valid
    }
    page.length = at - page.base
    return lost === 0
  }
}

export function fixedDecimalBytes(value: bigint, width: number): Uint8Array {
  const bytes = new Uint8Array(width)
  let rest = value
  for (let i = width - 1; i >= 0; i--) {
    bytes[i] = Number(BigInt.asUintN(8, rest))
    rest >>= 8n
  }
  return bytes
}
