/** Snappy's raw block format (google/snappy format_description.txt), read with every length checked. */
import { damaged } from './damaged.ts'

/** Decompresses one block. Throws `FORMAT` when it is damaged or would be larger than `limit` bytes. */
export function snappyDecompress(input: Uint8Array, limit: number): Uint8Array {
  let at = 0
  let size = 0
  let scale = 1
  for (;;) {
    const byte = input[at++]
    if (byte === undefined || at > 5) throw damaged('snappy block', 'its length cannot be read')
    size += (byte & 0x7f) * scale
    if (byte < 0x80) break
    scale *= 128
  }
  if (size > limit) throw damaged('snappy block', `it says ${size} bytes, at most ${limit} are allowed`)
  const output = new Uint8Array(size)
  let written = 0
  while (at < input.length) {
    const tag = input[at++] as number
    let length = (tag >> 2) + 1
    if ((tag & 3) === 0) {
      if (length > 60) {
        const bytes = length - 60
        length = 1
        for (let i = 0; i < bytes; i++) length += (input[at + i] ?? 0) * 2 ** (8 * i)
        at += bytes
      }
      if (length > input.length - at || length > size - written) throw damaged('snappy block', 'a literal reaches beyond its end')
      if (length <= 16) for (let i = 0; i < length; i++) output[written + i] = input[at + i] as number
      else output.set(input.subarray(at, at + length), written)
      at += length
      written += length
      continue
    }
    let offset: number
    if ((tag & 3) === 1) {
      length = ((tag >> 2) & 7) + 4
      offset = ((tag >> 5) << 8) | (input[at] ?? 0)
      at += 1
    } else if ((tag & 3) === 2) {
      offset = (input[at] ?? 0) | ((input[at + 1] ?? 0) << 8)
      at += 2
    } else {
      offset = (input[at] ?? 0) + (input[at + 1] ?? 0) * 0x100 + (input[at + 2] ?? 0) * 0x10000 + (input[at + 3] ?? 0) * 0x1000000
      at += 4
    }
    if (offset === 0 || offset > written || length > size - written) throw damaged('snappy block', 'a copy points outside of it')
    copyWithin(output, written, offset, length)
    written += length
  }
  if (written !== size) throw damaged('snappy block', `it says ${size} bytes and holds ${written}`)
  return output
}

/** Copies `length` bytes from `offset` before `to`; source and target may overlap, which repeats the pattern. */
export function copyWithin(bytes: Uint8Array, to: number, offset: number, length: number): void {
  if (offset >= length && length > 24) bytes.copyWithin(to, to - offset, to - offset + length)
  else if (offset === 1 && length > 24) bytes.fill(bytes[to - 1] as number, to, to + length)
  else for (let i = 0; i < length; i++) bytes[to + i] = bytes[to - offset + i] as number
}
