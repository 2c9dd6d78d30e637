/** Rows in COPY's text format. Source: PostgreSQL manual, COPY, "Text Format". Pure. */
import type { TextForm } from '../../text-rows.ts'

const BACKSLASH = 0x5c
const ESCAPES = new Map([
  [0x09, 0x74],
  [0x0a, 0x6e],
  [0x0d, 0x72],
  [BACKSLASH, BACKSLASH],
])
/** Nothing below needs an escape but these; most bytes are above. */
const HIGHEST_ESCAPED = BACKSLASH

export const COPY_FORM: TextForm = {
  delimiter: 0x09,
  end: 0x0a,
  null: '\\N',
  true: 't',
  false: 'f',
  separator: ' ',
  utc: '+00',
  hex: '\\\\x',
  room: (length) => length * 2,
  text: (source, start, end, target, at) => {
    let to = at
    for (let i = start; i < end; i++) {
      const byte = source[i] as number
      const letter = byte <= HIGHEST_ESCAPED ? ESCAPES.get(byte) : undefined
      if (letter === undefined) target[to++] = byte
      else {
        target[to++] = BACKSLASH
        target[to++] = letter
      }
    }
    return to
  },
}
