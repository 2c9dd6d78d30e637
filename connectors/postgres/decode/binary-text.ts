/** Send forms of scalar types → the text that the type's output function prints under `DECODE_SETTINGS`. */
import type { Bytes } from './bytes.ts'
import { dateText, intervalText, timestampText, timeText, timetzText } from './datetime-text.ts'
import { float4Text, float8Text } from './float-text.ts'
import { boxText, circleText, lineText, lsegText, pathText, pointText, polygonText } from './geometry-text.ts'
import { inetText, macaddrText } from './network-text.ts'
import { numericText } from './numeric.ts'
import type { PgType, PgTypes } from './pg-type.ts'
import { typeOf } from './type-catalogue.ts'

/** Text of the value in bytes [at, at + length). */
export type Render = (bytes: Bytes, at: number, length: number) => string

const raw: Render = ({ buffer }, at, length) => buffer.toString('utf8', at, at + length)
/** jsonb, jsonpath, ltree: a version byte, then text. */
const versioned: Render = ({ buffer }, at, length) => buffer.toString('utf8', at + 1, at + length)

const SCALARS: Readonly<Record<string, Render>> = {
  bool: ({ buffer }, at) => (buffer[at] === 1 ? 't' : 'f'),
  int2: ({ view }, at) => String(view.getInt16(at)),
  int4: ({ view }, at) => String(view.getInt32(at)),
  int8: ({ view }, at) => String(view.getBigInt64(at)),
  oid: ({ view }, at) => String(view.getUint32(at)),
  xid: ({ view }, at) => String(view.getUint32(at)),
  cid: ({ view }, at) => String(view.getUint32(at)),
  xid8: ({ view }, at) => String(view.getBigUint64(at)),
  tid: ({ view }, at) => `(${view.getUint32(at)},${view.getUint16(at + 4)})`,
  float4: ({ view }, at) => float4Text(view.getFloat32(at)),
  float8: ({ view }, at) => float8Text(view.getFloat64(at)),
  numeric: (bytes, at) => numericText(bytes, at),
  text: raw,
  varchar: raw,
  bpchar: raw,
  name: raw,
  unknown: raw,
  refcursor: raw,
  json: raw,
  xml: raw,
  jsonb: versioned,
  jsonpath: versioned,
  char: ({ buffer }, at) => charText(buffer[at] ?? 0),
  uuid: ({ buffer }, at) => uuidText(buffer.toString('hex', at, at + 16)),
  bytea: ({ buffer }, at, length) => `\\x${buffer.toString('hex', at, at + length)}`,
  date: ({ view }, at) => dateText(view.getInt32(at)),
  time: ({ view }, at) => timeText(Number(view.getBigInt64(at))),
  timetz: ({ view }, at) => timetzText(Number(view.getBigInt64(at)), view.getInt32(at + 8)),
  timestamp: ({ view }, at) => timestampText(view.getBigInt64(at), ''),
  timestamptz: ({ view }, at) => timestampText(view.getBigInt64(at), '+00'),
  interval: ({ view }, at) => intervalText(view.getBigInt64(at), view.getInt32(at + 8), view.getInt32(at + 12)),
  inet: (bytes, at) => inetText(bytes, at),
  cidr: (bytes, at) => inetText(bytes, at),
  macaddr: macaddrText,
  macaddr8: macaddrText,
  bit: bitText,
  varbit: bitText,
  pg_lsn: ({ view }, at) => `${hexUpper(view.getUint32(at))}/${hexUpper(view.getUint32(at + 4))}`,
  int2vector: vectorText,
  oidvector: vectorText,
  pg_snapshot: snapshotText,
  txid_snapshot: snapshotText,
  tsvector: tsvectorText,
  point: pointText,
  lseg: lsegText,
  box: boxText,
  path: pathText,
  polygon: polygonText,
  line: lineText,
  circle: circleText,
}

/** By name, because an extension may live in any schema and has another oid in each database. */
const EXTENSION_SCALARS: Readonly<Record<string, Render>> = {
  'citext.citext': raw,
  'hstore.hstore': hstoreText,
  'ltree.ltree': versioned,
}

/** Null when the send form of the type, or of one it is made of, is not understood: such a column travels as text. Arrays and composites are `json-text.ts`'s. */
export function textRenderer(type: PgType, types: PgTypes): Render | null {
  switch (type.form) {
    case 'domain':
      return textRenderer(typeOf(types, type.base), types)
    case 'enum':
      return raw
    case 'range':
      return rangeRenderer(type, types)
    case 'multirange': {
      const range = rangeRenderer(typeOf(types, type.range), types)
      return range === null ? null : (bytes, at) => multirangeText(bytes, at, range)
    }
    case 'base':
      if (type.schema === 'pg_catalog') return SCALARS[type.name] ?? null
      return EXTENSION_SCALARS[`${type.extension ?? ''}.${type.name}`] ?? null
    case 'array':
    case 'composite':
    case 'pseudo':
      return null
    default:
      return type.form satisfies never
  }
}

export const uuidText = (hex: string): string =>
  `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`

const hexUpper = (value: number): string => value.toString(16).toUpperCase()

/** `"char"` is one byte: nothing for zero, `\ooo` above ASCII. */
function charText(byte: number): string {
  if (byte === 0) return ''
  return byte < 0x80 ? String.fromCharCode(byte) : `\\${byte.toString(8).padStart(3, '0')}`
}

function bitText({ buffer, view }: Bytes, at: number): string {
  const bits = view.getInt32(at)
  let text = ''
  for (let i = 0; i < bits; i += 8) text += (buffer[at + 4 + (i >> 3)] ?? 0).toString(2).padStart(8, '0')
  return text.slice(0, bits)
}

/** int2vector and oidvector: array_send of one dimension, printed as words. */
function vectorText({ view }: Bytes, at: number): string {
  if (view.getInt32(at) === 0) return ''
  const count = view.getInt32(at + 12)
  const words: number[] = []
  let position = at + 20
  for (let i = 0; i < count; i++) {
    const length = view.getInt32(position)
    words.push(length === 2 ? view.getInt16(position + 4) : view.getUint32(position + 4))
    position += 4 + length
  }
  return words.join(' ')
}

function snapshotText({ view }: Bytes, at: number): string {
  const count = view.getInt32(at)
  const running = Array.from({ length: count }, (_, i) => view.getBigUint64(at + 20 + 8 * i))
  return `${view.getBigUint64(at + 4)}:${view.getBigUint64(at + 12)}:${running.join(',')}`
}

const WEIGHTS = ['', 'C', 'B', 'A'] as const

function tsvectorText({ buffer, view }: Bytes, at: number): string {
  const count = view.getInt32(at)
  const lexemes: string[] = []
  let position = at + 4
  for (let i = 0; i < count; i++) {
    const end = buffer.indexOf(0, position)
    const lexeme = buffer.toString('utf8', position, end).replace(/['\\]/g, '$&$&')
    const places = view.getUint16(end + 1)
    position = end + 3
    const shown: string[] = []
    for (let p = 0; p < places; p++, position += 2) {
      const place = view.getUint16(position)
      shown.push(`${place & 0x3fff}${WEIGHTS[place >> 14]}`)
    }
    lexemes.push(`'${lexeme}'${shown.length === 0 ? '' : `:${shown.join(',')}`}`)
  }
  return lexemes.join(' ')
}

const hstoreQuote = (text: string): string => `"${text.replace(/["\\]/g, '\\$&')}"`

function hstoreText({ buffer, view }: Bytes, at: number): string {
  const count = view.getInt32(at)
  const pairs: string[] = []
  let position = at + 4
  for (let i = 0; i < count; i++) {
    const keyLength = view.getInt32(position)
    const key = buffer.toString('utf8', position + 4, position + 4 + keyLength)
    position += 4 + keyLength
    const valueLength = view.getInt32(position)
    const value = valueLength < 0 ? null : buffer.toString('utf8', position + 4, position + 4 + valueLength)
    position += 4 + Math.max(0, valueLength)
    pairs.push(`${hstoreQuote(key)}=>${value === null ? 'NULL' : hstoreQuote(value)}`)
  }
  return pairs.join(', ')
}

const RANGE = { empty: 0x01, lowerIncluded: 0x02, upperIncluded: 0x04, lowerInfinite: 0x08, upperInfinite: 0x10 } as const

function rangeRenderer(type: PgType, types: PgTypes): Render | null {
  const subtype = textRenderer(typeOf(types, type.range), types)
  return subtype === null ? null : (bytes, at) => rangeText(bytes, at, subtype)
}

/** range_send: flags, then each finite bound with its length. */
function rangeText(bytes: Bytes, at: number, subtype: Render): string {
  const flags = bytes.buffer[at] ?? 0
  if (flags & RANGE.empty) return 'empty'
  let position = at + 1
  const bound = (infinite: number): string => {
    if (flags & infinite) return ''
    const length = bytes.view.getInt32(position)
    const text = subtype(bytes, position + 4, length)
    position += 4 + length
    return quoteBound(text)
  }
  const lower = bound(RANGE.lowerInfinite)
  const upper = bound(RANGE.upperInfinite)
  return `${flags & RANGE.lowerIncluded ? '[' : '('}${lower},${upper}${flags & RANGE.upperIncluded ? ']' : ')'}`
}

/** range_bound_escape. */
const quoteBound = (text: string): string =>
  text === '' || /["\\()[\],\t\n\v\f\r ]/.test(text) ? `"${text.replace(/["\\]/g, '$&$&')}"` : text

function multirangeText(bytes: Bytes, at: number, range: Render): string {
  const count = bytes.view.getInt32(at)
  const ranges: string[] = []
  let position = at + 4
  for (let i = 0; i < count; i++) {
    const length = bytes.view.getInt32(position)
    ranges.push(range(bytes, position + 4, length))
    position += 4 + length
  }
  return `{${ranges.join(',')}}`
}
