/** Table patterns of a scope. */

/** True when the last pattern that matches `schema.table` includes it. `*` stays within a segment, `!` excludes. */
export function inScope(patterns: readonly string[], table: string): boolean {
  let included = false
  for (const pattern of patterns) {
    const excludes = pattern.startsWith('!')
    const body = excludes ? pattern.slice(1) : pattern
    const expression = body
      .split('*')
      .map((part) => part.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&'))
      .join('[^.]*')
    if (new RegExp(`^${expression}$`).test(table)) included = !excludes
  }
  return included
}
