/** Text forms of arrays (`array_out`) and composites (`record_out`), taken apart. */
import { ConnectorError } from '../../errors.ts'

/** Nested once per dimension; `lower` has one bound per dimension and is empty for an empty array. */
export type ArrayItems = readonly (string | null | ArrayItems)[]
export type ArrayLiteral = { readonly items: ArrayItems; readonly lower: readonly number[] }

/** `{1,NULL,"a b"}` or `[0:2]={…}`; throws `INTERNAL` for anything else. */
export function parseArrayLiteral(text: string, delimiter: string): ArrayLiteral {
  const bounds = /^((?:\[-?\d+:-?\d+\])+)=/.exec(text)
  const lower = bounds === null ? null : Array.from((bounds[1] ?? '').matchAll(/\[(-?\d+):/g), (match) => Number(match[1]))
  const cursor = { text, at: bounds === null ? 0 : bounds[0].length }
  const items = arrayItems(cursor, delimiter)
  if (cursor.at !== text.length) throw malformed('array')
  return { items, lower: lower ?? [] }
}

type Cursor = { readonly text: string; at: number }

function arrayItems(cursor: Cursor, delimiter: string): ArrayItems {
  const { text } = cursor
  if (text[cursor.at] !== '{') throw malformed('array')
  cursor.at++
  const items: (string | null | ArrayItems)[] = []
  if (text[cursor.at] === '}') {
    cursor.at++
    return items
  }
  for (;;) {
    items.push(arrayItem(cursor, delimiter))
    const next = text[cursor.at++]
    if (next === '}') return items
    if (next !== delimiter) throw malformed('array')
  }
}

function arrayItem(cursor: Cursor, delimiter: string): string | null | ArrayItems {
  const { text } = cursor
  if (text[cursor.at] === '{') return arrayItems(cursor, delimiter)
  if (text[cursor.at] === '"') return quoted(cursor, 'array')
  const start = cursor.at
  while (cursor.at < text.length && text[cursor.at] !== delimiter && text[cursor.at] !== '}') cursor.at++
  const item = text.slice(start, cursor.at)
  return item === 'NULL' ? null : item
}

/** `(a,"b ""c""",)`; an empty field is NULL. A record of one NULL and one of no attributes look alike: `attributes` decides. */
export function parseRecordLiteral(text: string, attributes: number): readonly (string | null)[] {
  if (!text.startsWith('(')) throw malformed('composite')
  if (text === '()') return attributes === 0 ? [] : [null]
  const cursor = { text, at: 1 }
  const fields: (string | null)[] = []
  for (;;) {
    fields.push(recordField(cursor))
    const next = text[cursor.at++]
    if (next === ')') break
    if (next !== ',') throw malformed('composite')
  }
  if (cursor.at !== text.length) throw malformed('composite')
  return fields
}

function recordField(cursor: Cursor): string | null {
  const { text } = cursor
  if (text[cursor.at] === '"') return quoted(cursor, 'composite')
  const start = cursor.at
  while (cursor.at < text.length && text[cursor.at] !== ',' && text[cursor.at] !== ')') cursor.at++
  return start === cursor.at ? null : text.slice(start, cursor.at)
}

/** A quoted item: backslash escapes in both; composites also double the quote. */
function quoted(cursor: Cursor, what: 'array' | 'composite'): string {
  const { text } = cursor
  let value = ''
  let from = ++cursor.at
  for (;;) {
    const character = text[cursor.at]
    if (character === undefined) throw malformed(what)
    if (character !== '"' && character !== '\\') {
      cursor.at++
      continue
    }
    value += text.slice(from, cursor.at)
    if (character === '"' && text[cursor.at + 1] !== '"') {
      cursor.at++
      return value
    }
    // `\x` and `""` both stand for their second character.
    from = cursor.at + 1
    cursor.at += 2
  }
}

const malformed = (what: string): ConnectorError =>
  new ConnectorError('INTERNAL', `The text of an ${what} value is not of the form that Postgres prints`)
