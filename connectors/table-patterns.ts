/** Table patterns of a scope: `schema.table`, `*` within a segment, `!` excludes; the last match wins. */

/** True when the last pattern that matches `schema.table` includes it. A table's name may itself contain dots. */
export function inScope(patterns: readonly string[], table: string): boolean {
  let included = false
  for (const pattern of patterns) {
    const excludes = pattern.startsWith('!')
    if (matches(excludes ? pattern.slice(1) : pattern, table)) included = !excludes
  }
  return included
}

function matches(pattern: string, table: string): boolean {
  const [schema, name] = split(pattern)
  const [inSchema, named] = split(table)
  return segment(schema).test(inSchema) && segment(name).test(named)
}

function split(text: string): readonly [string, string] {
  const dot = text.indexOf('.')
  return dot < 0 ? [text, ''] : [text.slice(0, dot), text.slice(dot + 1)]
}

function segment(pattern: string): RegExp {
  const parts = pattern.split('*').map((part) => part.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&'))
  return new RegExp(`^${parts.join('.*')}$`, 's')
}
