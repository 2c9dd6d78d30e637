/** Patterns over `schema.table` and `schema.table.column`: `*` stands for any characters within a segment. Pure. */
import type { ColumnRule } from './integration.ts'

/** Rules of one column after every matching pattern was applied in order. */
export type ResolvedColumn = Pick<ColumnRule, 'onBadValue' | 'type' | 'mask' | 'exclude' | 'rename'>

/** True when each segment of the pattern matches. The last segment of a name may contain dots. */
export function matchesPattern(pattern: string, name: string): boolean {
  const wanted = segments(pattern)
  const found = segments(name, wanted.length)
  return (
    wanted.length > 1 && wanted.length === found.length && wanted.every((part, index) => segmentMatches(part, found[index] ?? ''))
  )
}

/** Patterns in order, `!` excludes, the last match wins. */
export function selectsTable(patterns: readonly string[], table: string): boolean {
  let selected = false
  for (const pattern of patterns) {
    const excludes = pattern.startsWith('!')
    if (matchesPattern(excludes ? pattern.slice(1) : pattern, table)) selected = !excludes
  }
  return selected
}

/**
 * Applies rules to the columns that exist (`schema.table.column`). `unmatched` are the rules that name nothing although they
 * must: the caller reports them as problems.
 */
export function resolveColumnRules(
  rules: readonly ColumnRule[],
  columns: readonly string[],
): { readonly columns: ReadonlyMap<string, ResolvedColumn>; readonly unmatched: readonly ColumnRule[] } {
  const resolved = new Map<string, ResolvedColumn>()
  const unmatched: ColumnRule[] = []
  for (const rule of rules) {
    const { pattern, at: _, optional, ...choices } = rule
    const matching = columns.filter((column) => matchesPattern(pattern, column))
    if (matching.length === 0 && !optional) unmatched.push(rule)
    for (const column of matching) resolved.set(column, { ...resolved.get(column), ...choices })
  }
  return { columns: resolved, unmatched }
}

function segments(name: string, limit = Number.POSITIVE_INFINITY): string[] {
  const parts = name.split('.')
  return parts.length <= limit ? parts : [...parts.slice(0, limit - 1), parts.slice(limit - 1).join('.')]
}

function segmentMatches(pattern: string, text: string): boolean {
  const source = pattern
    .split('*')
    .map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
    .join('.*')
  return new RegExp(`^${source}$`, 's').test(text)
}
