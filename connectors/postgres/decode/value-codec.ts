/** How the bytes of one column become a value of its Arrow column: an operation number for the decoders' switches, and what they need. */
import type { Render } from './binary-text.ts'

/** Send form → column. */
export const BINARY_OP = {
  /** Not understood: such a value is never decoded. */
  none: 0,
  bool: 1,
  int16: 2,
  int32: 3,
  int64: 4,
  int16As32: 5,
  int16As64: 6,
  int32As64: 7,
  uint32As64: 8,
  float32: 9,
  float64: 10,
  float32As64: 11,
  decimal: 12,
  /** The bytes as they are (text types, enum, json, bytea). */
  copy: 13,
  /** Behind a version byte (jsonb). */
  copyVersioned: 14,
  uuid: 15,
  hex: 16,
  date: 17,
  timestamp: 18,
  time: 19,
  /** Through `renderBinary`. */
  render: 20,
  /** The bytes are the type's text form after all: `text` says how. */
  text: 21,
} as const

/** Text form → column. */
export const TEXT_OP = {
  /** Not understood: such a value is never decoded. */
  none: 0,
  bool: 1,
  int16: 2,
  int32: 3,
  int64: 4,
  float32: 5,
  float64: 6,
  float32As64: 7,
  decimal: 8,
  copy: 9,
  /** `\x…` → bytes. */
  bytea: 10,
  /** `\x…` → the digits. */
  hex: 11,
  date: 12,
  timestamp: 13,
  time: 14,
  /** Through `renderText`. */
  render: 15,
} as const

/** Opaque outside this folder; `plan-column.ts` makes it. */
export type ValueCodec = {
  readonly binary: number
  readonly text: number
  /** Of a decimal column. */
  readonly precision: number
  readonly scale: number
  /** The time 24:00:00 is a value like any other (the column is plain text). */
  readonly renderBinary: Render | null
  readonly renderText: ((text: string) => string) | null
  /** The value as text for people: rejects and keys of re-selects. Null when only the text form is understood. */
  readonly show: Render | null
}
