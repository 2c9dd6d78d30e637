/** Names and texts in Hive's and Spark's SQL. Pure. */

export const identifier = (name: string): string => `\`${name.replaceAll('`', '``')}\``

export const qualified = (schema: string, name: string): string => `${identifier(schema)}.${identifier(name)}`

/**
 * A string literal. Two quotes are not one quote here: the parser joins neighbouring literals, so a doubled quote would be lost. Everything
 * but printable ASCII is written `\uXXXX`, because view texts also pass through the metastore's database, whatever its character set.
 */
export function text(value: string): string {
  let body = ''
  for (let index = 0; index < value.length; index++) {
    const unit = value.charCodeAt(index)
    if (unit === 0x5c || unit === 0x27) body += `\\${value[index]}`
    else if (unit >= 0x20 && unit < 0x7f) body += value[index]
    else body += `\\u${unit.toString(16).padStart(4, '0')}`
  }
  return `'${body}'`
}

/** Property lists: `'a'='b', …`. */
export const properties = (entries: Iterable<readonly [string, string]>): string =>
  [...entries].map(([name, value]) => `${text(name)}=${text(value)}`).join(', ')
