/** LZ4 in Parquet pages: LZ4_RAW is one block; LZ4 is Hadoop's frame around blocks, which some writers leave out. Spec: Compression.md. Pure. */
import { lz4Decompress } from '../orc/lz4-decode.ts'

/** Throws `RangeError` or `FORMAT` for damaged input. */
export function lz4Raw(input: Uint8Array, size: number): Uint8Array {
  const output = lz4Decompress(input, size)
  if (output.length !== size) throw new RangeError(`an LZ4 block of ${output.length} bytes, expected ${size}`)
  return output
}

/** Each block behind two big-endian words: its size, and its compressed size. */
export function lz4Hadoop(input: Uint8Array, size: number): Uint8Array {
  const view = new DataView(input.buffer, input.byteOffset, input.byteLength)
  const parts: Uint8Array[] = []
  let made = 0
  for (let at = 0; at < input.length; ) {
    if (at + 8 > input.length) return lz4Raw(input, size)
    const [plain, packed] = [view.getUint32(at), view.getUint32(at + 4)]
    if (plain > size - made || packed > input.length - at - 8) return lz4Raw(input, size)
    parts.push(lz4Raw(input.subarray(at + 8, at + 8 + packed), plain))
    made += plain
    at += 8 + packed
  }
  if (made !== size) throw new RangeError(`LZ4 blocks of ${made} bytes, expected ${size}`)
  return Buffer.concat(parts)
}
