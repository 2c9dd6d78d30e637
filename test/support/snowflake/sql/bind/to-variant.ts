/** Typed values as the JSON text of a VARIANT. */
import { MARKS, nodeJson } from '../external/file-node.ts'
import { isSemi, VARIANT } from '../types.ts'
import { type Bound, bound } from './value.ts'

export function toVariant(value: Bound): Bound {
  if (value.node !== undefined) return bound(nodeJson(value.node, value.sql), VARIANT, value.nullable)
  const { type, sql } = value
  if (isSemi(type)) return { ...value, type: VARIANT }
  return bound(jsonText(type.kind, sql), VARIANT, value.nullable)
}

function jsonText(kind: Bound['type']['kind'], sql: string): string {
  const marked = (letter: string, words: string): string => `'"\\u0001${letter}' || ${words} || '"'`
  switch (kind) {
    case 'number':
      return `sf_number_json(${sql})`
    case 'float':
      return `sf_double_json(${sql})`
    case 'boolean':
      return `CAST(${sql} AS VARCHAR)`
    case 'text':
      return `CAST(to_json(${sql}) AS VARCHAR)`
    case 'date':
    case 'time':
      return marked(MARKS[kind], `CAST(${sql} AS VARCHAR)`)
    case 'timestamp_ntz':
    case 'timestamp_ltz':
    case 'timestamp_tz':
      return marked(MARKS[kind], `strftime(${sql}, '%Y-%m-%d %H:%M:%S.%f')`)
    case 'binary':
      return marked(MARKS.binary, `hex(${sql})`)
    case 'null':
      return 'CAST(NULL AS VARCHAR)'
    case 'variant':
    case 'object':
    case 'array':
      return sql
    default:
      return kind satisfies never
  }
}
