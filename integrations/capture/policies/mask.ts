/**
 * Masks: what a column's values become before anything is landed. A mask works on the canonical text of a value, so that a row
 * from a snapshot and from the stream, and the same key in two tables, are masked alike. NULL stays NULL. Pure.
 */
import { createHash, createHmac } from 'node:crypto'
import { type Data, Vector } from 'apache-arrow'
import { canonicalText, columnData, type Value, valueReader } from '../../../connectors/column-values.ts'
import type { LogicalType } from '../../../connectors/logical-type.ts'

export type Mask =
  /** Lower-case hex of HMAC-SHA-256 over the UTF-8 bytes of the text. Equal values stay equal. */
  | { readonly kind: 'hmac_sha256'; readonly key: string }
  /** The same text for every value. */
  | { readonly kind: 'fixed'; readonly text: string }
  /** `****` and the last characters; `****` alone for values that are not at least twice as long as what would be shown. */
  | { readonly kind: 'partial'; readonly keepLast: number }
  /** No value at all. */
  | { readonly kind: 'null' }

/** Whether different values stay different: only then may a key be masked. */
export const isInjective = (mask: Mask): boolean => mask.kind === 'hmac_sha256'

const TEXT: LogicalType = { kind: 'utf8', format: 'text' }

/** The type that a masked column is carried as. */
export const maskedType = (mask: Mask, type: LogicalType): LogicalType => (mask.kind === 'null' ? type : TEXT)

/** The masked form of a value's canonical text (lake format, renderings). */
export function maskText(mask: Mask, text: string): string | null {
  switch (mask.kind) {
    case 'hmac_sha256':
      return createHmac('sha256', mask.key).update(text, 'utf8').digest('hex')
    case 'fixed':
      return mask.text
    case 'partial':
      return HIDDEN + lastCharacters(text, mask.keepLast)
    case 'null':
      return null
    default:
      return mask satisfies never
  }
}

const HIDDEN = '****'

function lastCharacters(text: string, count: number): string {
  const characters = [...text]
  return count > 0 && characters.length >= 2 * count ? characters.slice(-count).join('') : ''
}

/**
 * Names the mask and its settings for the commit log, so that a change of it is noticed: values under another mask are other
 * values. A key or a fixed text is told by a digest of eight hex digits, which does not give it away.
 */
export function maskName(mask: Mask): string {
  switch (mask.kind) {
    case 'hmac_sha256':
      return `hmac_sha256:${createHmac('sha256', mask.key).update('portage mask').digest('hex').slice(0, 8)}`
    case 'fixed':
      return `fixed:${createHash('sha256').update(mask.text).digest('hex').slice(0, 8)}`
    case 'partial':
      return `partial:${mask.keepLast}`
    case 'null':
      return 'null'
    default:
      return mask satisfies never
  }
}

/** The masked column: same rows, type `maskedType(mask, type)`, buffers of its own. */
export function maskData(mask: Mask, type: LogicalType, data: Data): Data {
  const rows = data.length
  if (mask.kind === 'null') return columnData(type, new Array<Value>(rows).fill(null))
  const read = valueReader(new Vector([data]))
  const values: Value[] = []
  for (let row = 0; row < rows; row++) {
    const value = read(row)
    values.push(value === null ? null : maskText(mask, canonicalText(value, type)))
  }
  return columnData(TEXT, values)
}
