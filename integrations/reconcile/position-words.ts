/** Positions as four 32-bit words, for millions of comparisons without strings (ARCHITECTURE.md §1: 4, 16 and 8 hex digits). Pure. */
import type { Position } from '../../connectors/change.ts'
import { ConnectorError } from '../../connectors/errors.ts'

const LENGTH = 30
const DASH = 0x2d
const encoder = new TextEncoder()

/** Epoch; upper and lower half of the place; ordinal: four words of `bytes[start, end)`. Throws `CORRUPT` for any other text. */
export function readPosition(bytes: Uint8Array, start: number, end: number, target: Uint32Array): void {
  if (end - start !== LENGTH || bytes[start + 4] !== DASH || bytes[start + 21] !== DASH) throw malformed()
  target[0] = hexWord(bytes, start, start + 4)
  target[1] = hexWord(bytes, start + 5, start + 13)
  target[2] = hexWord(bytes, start + 13, start + 21)
  target[3] = hexWord(bytes, start + 22, start + 30)
}

export function positionWords(position: Position): Uint32Array {
  const words = new Uint32Array(4)
  readPosition(encoder.encode(position), 0, position.length, words)
  return words
}

/** Below zero when a stands before b. */
export function comparePositions(a: Uint32Array, aAt: number, b: Uint32Array, bAt: number): number {
  for (let word = 0; word < 4; word++) {
    const difference = (a[aAt + word] as number) - (b[bAt + word] as number)
    if (difference !== 0) return difference
  }
  return 0
}

function hexWord(bytes: Uint8Array, from: number, to: number): number {
  let word = 0
  for (let i = from; i < to; i++) {
    const byte = bytes[i] as number
    const letter = byte | 0x20
    const digit = byte >= 0x30 && byte <= 0x39 ? byte - 0x30 : letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1
    if (digit < 0) throw malformed()
    word = word * 16 + digit
  }
  return word
}

const malformed = () => new ConnectorError('CORRUPT', 'A row has a text in "_position" that is not a position')
