/** How DuckDB SQL quotes names, texts and file paths. */

export function identifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

/** DuckDB literals know no backslash escapes. */
export function text(value: string): string {
  return `'${value.replaceAll("'", "''")}'`
}

/** A path as a literal that stands for that one file: `* ? [` would otherwise be patterns. */
export function filePath(path: string): string {
  return text(path.replace(/[*?[]/g, (character) => `[${character}]`))
}
