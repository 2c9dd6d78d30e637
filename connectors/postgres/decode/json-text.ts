/**
 * Arrays and composites as JSON text: byte for byte what `to_json(value)` prints under `DECODE_SETTINGS`.
 *
 * - array: `[…]`, nested per dimension, `[]` when empty, NULL elements `null`, no spaces;
 * - composite: `{"attribute":value,…}` in attribute order, dropped attributes left out;
 * - bool `true`/`false`; int2/4/8, float4/8 and numeric as numbers in Postgres's spelling (NaN and infinities as strings);
 *   json and jsonb as they are; date, timestamp, timestamptz as ISO-8601 strings; every other type as a string of its text.
 *
 * Two deliberate differences, so that nothing is lost and nothing depends on user-defined casts: an array whose lower
 * bounds are not all 1 is `{"lower":[…],"values":[…]}`, and types with a cast to json (hstore) stay strings.
 */
import { ConnectorError } from '../../errors.ts'
import { type ArrayLiteral, parseArrayLiteral, parseRecordLiteral } from './array-literal.ts'
import { type Render, textRenderer } from './binary-text.ts'
import type { Bytes } from './bytes.ts'
import { xsdText } from './datetime-text.ts'
import type { PgType, PgTypes } from './pg-type.ts'
import { typeOf } from './type-catalogue.ts'

export type JsonRenderer = {
  /** Null when a part's send form is not understood. */
  readonly fromBinary: Render | null
  readonly fromText: (text: string) => string
}

/** Renderer for a value of any type inside JSON. */
export function jsonRenderer(type: PgType, types: PgTypes): JsonRenderer {
  switch (type.form) {
    case 'domain':
      return jsonRenderer(typeOf(types, type.base), types)
    case 'array':
      return arrayRenderer(type, types)
    case 'composite':
      return compositeRenderer(type, types)
    default: {
      const text = textRenderer(type, types)
      const leaf = jsonLeaf(type)
      return { fromBinary: text === null ? null : (bytes, at, length) => leaf(text(bytes, at, length)), fromText: leaf }
    }
  }
}

const NUMBERS = new Set(['int2', 'int4', 'int8', 'float4', 'float8', 'numeric'])
const DATES = new Set(['date', 'timestamp', 'timestamptz'])
const JSON_NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/

function jsonLeaf(type: PgType): (text: string) => string {
  if (type.schema === 'pg_catalog') {
    if (type.name === 'bool') return (text) => (text === 't' ? 'true' : 'false')
    if (type.name === 'json' || type.name === 'jsonb') return (text) => text
    if (NUMBERS.has(type.name)) return (text) => (JSON_NUMBER.test(text) ? text : JSON.stringify(text))
    if (DATES.has(type.name)) return (text) => JSON.stringify(xsdText(text))
  }
  return (text) => JSON.stringify(text)
}

function arrayRenderer(type: PgType, types: PgTypes): JsonRenderer {
  const elementType = typeOf(types, type.element)
  const element = jsonRenderer(elementType, types)
  const { fromBinary } = element
  return {
    fromBinary: fromBinary === null ? null : (bytes, at) => arrayJson(bytes, at, fromBinary),
    fromText: (text) => literalJson(parseArrayLiteral(text, elementType.delimiter), element.fromText),
  }
}

/** array_send: dimensions, flags, element type, then length and lower bound per dimension, then the elements. */
function arrayJson(bytes: Bytes, at: number, element: Render): string {
  const { view } = bytes
  const dimensions = view.getInt32(at)
  if (dimensions === 0) return '[]'
  const lengths: number[] = []
  const lower: number[] = []
  for (let d = 0; d < dimensions; d++) {
    lengths.push(view.getInt32(at + 12 + 8 * d))
    lower.push(view.getInt32(at + 16 + 8 * d))
  }
  let position = at + 12 + 8 * dimensions
  const values = (dimension: number): string => {
    const items: string[] = []
    for (let i = 0; i < (lengths[dimension] ?? 0); i++) {
      if (dimension + 1 < dimensions) {
        items.push(values(dimension + 1))
        continue
      }
      const length = view.getInt32(position)
      position += 4
      items.push(length < 0 ? 'null' : element(bytes, position, length))
      position += Math.max(0, length)
    }
    return `[${items.join(',')}]`
  }
  return withLowerBounds(values(0), lower)
}

function literalJson({ items, lower }: ArrayLiteral, element: (text: string) => string): string {
  const values = (list: ArrayLiteral['items']): string =>
    `[${list.map((item) => (item === null ? 'null' : typeof item === 'string' ? element(item) : values(item))).join(',')}]`
  return withLowerBounds(values(items), lower)
}

const withLowerBounds = (values: string, lower: readonly number[]): string =>
  lower.every((bound) => bound === 1) ? values : `{"lower":[${lower.join(',')}],"values":${values}}`

function compositeRenderer(type: PgType, types: PgTypes): JsonRenderer {
  const attributes = type.attributes.map((attribute) => ({
    key: `${JSON.stringify(attribute.name)}:`,
    ...jsonRenderer(typeOf(types, attribute.typeOid), types),
  }))
  const renders = attributes.map(({ fromBinary }) => fromBinary).filter((render) => render !== null)
  const altered = (difference: string) =>
    new ConnectorError(
      'SCHEMA',
      `Composite type "${type.schema}.${type.name}" ${difference}: the type was altered. Run again, so that it is read anew; ` +
        'if this stays, run "portage resync" for the tables that use it',
    )
  // A log record shows the type as it was: without attributes that were added since. Which those are is certain only
  // while none was ever dropped.
  const appended = type.attributes.every(({ number }, i) => number === i + 1)
  const shown = (found: number) => {
    if (found === attributes.length) return attributes
    if (appended && found < attributes.length) return attributes.slice(0, found)
    throw altered(`has ${attributes.length} attributes, but a value has ${found}`)
  }
  return {
    // record_send: field count, then type, length and bytes per field.
    fromBinary:
      renders.length < attributes.length
        ? null
        : (bytes, at) => {
            let position = at + 4
            return object(shown(bytes.view.getInt32(at)), (i) => {
              if (bytes.view.getUint32(position) !== type.attributes[i]?.typeOid)
                throw altered(`has another type at attribute ${i + 1}`)
              const length = bytes.view.getInt32(position + 4)
              const start = position + 8
              position = start + Math.max(0, length)
              return length < 0 ? 'null' : (renders[i]?.(bytes, start, length) ?? 'null')
            })
          },
    fromText: (text) => {
      const fields = parseRecordLiteral(text, attributes.length)
      return object(shown(fields.length), (i) => {
        const field = fields[i] ?? null
        return field === null ? 'null' : (attributes[i]?.fromText(field) ?? 'null')
      })
    },
  }
}

const object = (attributes: readonly { readonly key: string }[], value: (i: number) => string): string =>
  `{${attributes.map(({ key }, i) => key + value(i)).join(',')}}`
