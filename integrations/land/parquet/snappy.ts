/**
 * Snappy's raw block format (google/snappy format_description.txt): a varint length, then literals and back-references.
 * Greedy matching of four bytes with one hash table, inside blocks of 64 KiB, so that offsets fit in two bytes.
 */

const BLOCK = 65_536
const HASH_BITS = 14

/** Upper bound of the output, as the reference implementation states it. */
export function snappyCapacity(size: number): number {
  return 32 + size + Math.ceil(size / 6)
}

/** Compresses `input`; the result is a fresh buffer. */
export function snappyCompress(input: Uint8Array): Uint8Array {
  const output = new Uint8Array(snappyCapacity(input.length))
  const view = new DataView(input.buffer, input.byteOffset, input.byteLength)
  const table = new Uint16Array(1 << HASH_BITS)
  let written = 0
  let rest = input.length
  while (rest >= 0x80) {
    output[written++] = (rest & 0x7f) | 0x80
    rest >>>= 7
  }
  output[written++] = rest
  for (let start = 0; start < input.length; start += BLOCK) {
    table.fill(0)
    written = compressBlock(input, view, start, Math.min(start + BLOCK, input.length), table, output, written)
  }
  return output.subarray(0, written)
}

function compressBlock(
  input: Uint8Array,
  view: DataView,
  start: number,
  end: number,
  table: Uint16Array,
  output: Uint8Array,
  at: number,
): number {
  let written = at
  let literal = start
  let position = start
  let misses = 32
  while (position + 4 <= end) {
    const word = view.getInt32(position, true)
    const hash = Math.imul(word, 0x1e35a7bd) >>> (32 - HASH_BITS)
    const candidate = start + (table[hash] as number)
    table[hash] = position - start
    if (candidate >= position || view.getInt32(candidate, true) !== word) {
      // The longer nothing matches, the larger the steps: incompressible data passes quickly.
      position += misses++ >> 5
      continue
    }
    misses = 32
    if (literal < position) written = writeLiteral(input, literal, position, output, written)
    let length = 4
    while (position + length + 4 <= end && view.getInt32(candidate + length) === view.getInt32(position + length)) length += 4
    while (position + length < end && input[candidate + length] === input[position + length]) length++
    written = writeCopies(position - candidate, length, output, written)
    position += length
    literal = position
  }
  return literal < end ? writeLiteral(input, literal, end, output, written) : written
}

/** Tag 00: the length minus one in six bits, or 60 and 61 for one and two length bytes behind the tag. */
function writeLiteral(input: Uint8Array, from: number, to: number, output: Uint8Array, at: number): number {
  let written = at
  const size = to - from - 1
  if (size < 60) output[written++] = size << 2
  else if (size < 0x100) {
    output[written++] = 60 << 2
    output[written++] = size
  } else {
    output[written++] = 61 << 2
    output[written++] = size & 0xff
    output[written++] = size >> 8
  }
  output.set(input.subarray(from, to), written)
  return written + to - from
}

/** Tag 10: length 1 … 64 in six bits, offset in two bytes. */
function writeCopies(offset: number, length: number, output: Uint8Array, at: number): number {
  let written = at
  for (let rest = length; rest > 0; rest -= 64) {
    output[written++] = ((Math.min(rest, 64) - 1) << 2) | 2
    output[written++] = offset & 0xff
    output[written++] = offset >> 8
  }
  return written
}
