/** Canonical JSON of a view and its hash, which is its version for machines. Pure. */
import { createHash } from 'node:crypto'
import type { FeatureView } from './definition.ts'

/** Keys in code-unit order, no blanks, numbers as JSON writes them (RFC 8785 for the values that occur here). */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const members = Object.entries(value)
    .filter(([, item]) => item !== undefined)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
  return `{${members.map(([key, item]) => `${JSON.stringify(key)}:${canonicalJson(item)}`).join(',')}}`
}

/** SHA-256 of the canonical JSON, lower-case hex. */
export function definitionHash(view: FeatureView): string {
  return createHash('sha256').update(canonicalJson(view)).digest('hex')
}
