/**
 * LZO1X, as Hadoop's and ORC's readers know it: commands whose high bits say how match offset, match length and the
 * number of literals that follow are packed. Nothing writes it any more; old Hive files hold it.
 */
import { damaged } from './damaged.ts'
import { copyWithin } from './snappy-decode.ts'

/** Decompresses one block. Throws `FORMAT` when it is damaged or would be larger than `limit` bytes. */
export function lzoDecompress(input: Uint8Array, limit: number): Uint8Array {
  const output = new Uint8Array(limit)
  let written = 0
  let at = 0
  const byte = (): number => {
    const value = input[at++]
    if (value === undefined) throw damaged('lzo block', 'it ends inside a command')
    return value
  }
  /** A length that is 0 in its `bits` continues: 255 for each zero byte, then the last byte. */
  const length = (value: number, bits: number): number => {
    if (value !== 0) return value
    let total = (1 << bits) - 1
    for (let next = byte(); ; next = byte()) {
      if (next !== 0) return total + next
      total += 255
    }
  }
  while (at < input.length) {
    let first = true
    let literalsBefore = 0
    for (;;) {
      const command = byte()
      let match = 0
      let offset = 0
      let literals = command & 3
      if (first && command > 17) {
        literals = command - 17
      } else if (command >= 64) {
        match = (command >> 5) + 1
        offset = (byte() << 3) + ((command >> 2) & 7) + 1
      } else if (command >= 32) {
        match = length(command & 31, 5) + 2
        const trailer = byte() | (byte() << 8)
        offset = (trailer >> 2) + 1
        literals = trailer & 3
      } else if (command >= 16) {
        match = length(command & 7, 3) + 2
        const trailer = byte() | (byte() << 8)
        offset = ((command & 8) << 11) + (trailer >> 2)
        // The end marker is the one match of this kind whose distance is zero.
        if (offset === 0) break
        offset += 0x4000
        literals = trailer & 3
      } else if (literalsBefore === 0) {
        literals = length(command, 4) + 3
      } else {
        match = literalsBefore <= 3 ? 2 : 3
        offset = (byte() << 2) + (command >> 2) + (literalsBefore <= 3 ? 1 : 0x801)
      }
      first = false
      if (match > 0) {
        if (offset > written || match > limit - written) throw damaged('lzo block', 'a match points outside of it')
        copyWithin(output, written, offset, match)
        written += match
      }
      if (literals > input.length - at || literals > limit - written) throw damaged('lzo block', 'literals reach beyond its end')
      output.set(input.subarray(at, at + literals), written)
      at += literals
      written += literals
      literalsBefore = literals
    }
  }
  return output.subarray(0, written)
}
