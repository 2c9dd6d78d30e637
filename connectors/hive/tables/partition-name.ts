/** Names of partitions, `dt=2026-01-02/country=a%2Fb`, and the statements that ask for them. Pure. */
import { ConnectorError } from '../../errors.ts'
import { identifier, text } from '../quote.ts'

/** How both engines name the partition of NULL. */
export const DEFAULT_PARTITION = '__HIVE_DEFAULT_PARTITION__'

/**
 * Values in the order of the columns, decoded as Hive escapes them (`%` and two hex digits of one character); null is the default
 * partition. Throws `FORMAT` when the name is not of these columns.
 */
export function partitionValues(name: string, columns: readonly string[], subject: string): readonly (string | null)[] {
  const parts = name.split('/')
  const values = parts.map((part, index) => {
    const at = part.indexOf('=')
    const column = columns[index]
    if (at < 0 || column === undefined || unescapedPart(part.slice(0, at)).toLowerCase() !== column.toLowerCase()) {
      throw new ConnectorError('FORMAT', `${subject}: a partition's name has other columns than ${columns.join(', ')}`)
    }
    const value = part.slice(at + 1)
    return value === DEFAULT_PARTITION ? null : unescapedPart(value)
  })
  if (values.length === columns.length) return values
  throw new ConnectorError('FORMAT', `${subject}: a partition's name has ${values.length} of the columns ${columns.join(', ')}`)
}

/** Hive escapes single characters below U+0080; what is no escape stands for itself. */
function unescapedPart(text: string): string {
  return text.replace(/%([0-9A-Fa-f]{2})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 16)))
}

/** `(dt='…', country='…')`: both engines cast texts to the column's type. */
export function partitionSpec(columns: readonly string[], values: readonly (string | null)[]): string {
  const parts = columns.map((name, index) => `${identifier(name)}=${text(values[index] ?? DEFAULT_PARTITION)}`)
  return `(${parts.join(', ')})`
}
