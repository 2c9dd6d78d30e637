/** LZ4's block format (lz4_Block_format.md): token, literals, two-byte offset, match. Written by ORC's Java tools only. */
import { damaged } from './damaged.ts'
import { copyWithin } from './snappy-decode.ts'

/** Decompresses one block. Throws `FORMAT` when it is damaged or would be larger than `limit` bytes. */
export function lz4Decompress(input: Uint8Array, limit: number): Uint8Array {
  const output = new Uint8Array(limit)
  let at = 0
  let written = 0
  const longer = (length: number): number => {
    let total = length
    for (;;) {
      const byte = input[at++]
      if (byte === undefined) throw damaged('lz4 block', 'it ends inside a length')
      total += byte
      if (byte < 255) return total
    }
  }
  while (at < input.length) {
    const token = input[at++] as number
    const literals = token >> 4 === 15 ? longer(15) : token >> 4
    if (literals > input.length - at || literals > limit - written) throw damaged('lz4 block', 'literals reach beyond its end')
    output.set(input.subarray(at, at + literals), written)
    at += literals
    written += literals
    // The last sequence has no match.
    if (at === input.length) return output.subarray(0, written)
    const offset = (input[at] ?? 0) | ((input[at + 1] ?? 0) << 8)
    at += 2
    const length = 4 + ((token & 15) === 15 ? longer(15) : token & 15)
    if (offset === 0 || offset > written || length > limit - written) throw damaged('lz4 block', 'a match points outside of it')
    copyWithin(output, written, offset, length)
    written += length
  }
  throw damaged('lz4 block', 'it ends without its last literals')
}
