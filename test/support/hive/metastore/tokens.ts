/** Words of Hive's SQL, as far as Portage writes it, and the same query in DuckDB's words. Pure. */

export type Token = { readonly kind: 'word' | 'name' | 'text' | 'mark'; readonly value: string }

const PATTERN = /\s+|`((?:[^`]|``)*)`|'((?:[^'\\]|\\.)*)'|([A-Za-z_][A-Za-z0-9_]*)|(\d+(?:\.\d+)?|<=>|<>|<=|>=|[(),.*=<>+-])/gsy

/** Throws Error at anything else: what is not written by Portage is not understood. */
export function tokens(sql: string): readonly Token[] {
  const found: Token[] = []
  PATTERN.lastIndex = 0
  while (PATTERN.lastIndex < sql.length) {
    const at = PATTERN.lastIndex
    const match = PATTERN.exec(sql)
    if (match === null) throw new Error(`not understood at ${at}: ${sql.slice(at, at + 40)}`)
    const [, name, text, word, mark] = match
    if (name !== undefined) found.push({ kind: 'name', value: name.replaceAll('``', '`') })
    else if (text !== undefined) found.push({ kind: 'text', value: unescaped(text) })
    else if (word !== undefined) found.push({ kind: 'word', value: word })
    else if (mark !== undefined) found.push({ kind: 'mark', value: mark })
  }
  return found
}

/** Hive's LanguageManual, literals: the character behind a backslash, or the one that `\uXXXX` names. */
const unescaped = (body: string): string =>
  body.replaceAll(/\\(?:u([0-9a-f]{4})|(.))/gs, (_, hex: string | undefined, plain: string) =>
    hex === undefined ? plain : String.fromCharCode(Number.parseInt(hex, 16)),
  )

const TYPES: Readonly<Record<string, string>> = { STRING: 'VARCHAR', BINARY: 'BLOB', TIMESTAMP_NTZ: 'TIMESTAMP', INT: 'INTEGER' }

/** A type as Portage writes it, in DuckDB's words. */
export const duckdbType = (type: string): string => TYPES[type.toUpperCase()] ?? type

/** `places` names relations of the metastore in DuckDB. */
export function toDuckdb(query: readonly Token[]): string {
  return query
    .map(({ kind, value }) => {
      if (kind === 'name') return `"${value.replaceAll('"', '""')}"`
      if (kind === 'text') return textLiteral(value)
      if (kind === 'mark') return value === '<=>' ? 'is not distinct from' : value
      return duckdbType(value)
    })
    .join(' ')
    .replaceAll(' . ', '.')
}

const textLiteral = (value: string): string => `'${value.replaceAll("'", "''")}'`
