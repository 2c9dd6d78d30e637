/** How a CSV file is written, as data: sniffed from its first bytes, or declared. Source: RFC 4180, and what exports do beside it. */
import type { LogicalType } from '../../../connectors/logical-type.ts'

export type CsvDialect = {
  /** Label as `TextDecoder` knows it, or `iso-8859-1` for the bytes as code points. */
  readonly encoding: string
  /** Bytes of the byte-order mark. */
  readonly bomBytes: number
  readonly gzip: boolean
  /** One ASCII byte. */
  readonly delimiter: number
  /** One ASCII byte; null = quotes are text like any other. */
  readonly quote: number | null
  /** Escapes a quote inside quotes; null = a quote is doubled. */
  readonly escaper: number | null
  /** `lf`: also `\r\n`. */
  readonly newline: 'lf' | 'cr'
  readonly header: boolean
  readonly decimal: '.' | ','
  /** Groups digits of numbers; null = numbers are not grouped. */
  readonly thousands: string | null
  /** Unquoted fields that are NULL, beside the empty one. */
  readonly nullValues: readonly string[]
  /** Timestamps without a zone are instants in UTC, where the column is one of instants. */
  readonly assumeUtc: boolean
  /** Fields that a row lacks at its end are NULL. */
  readonly padRows: boolean
}

/** What a person said about the file; everything else is sniffed. */
export type CsvDeclaration = {
  readonly encoding?: string
  readonly delimiter?: string
  readonly quote?: string | null
  readonly escape?: string
  readonly header?: boolean
  /** Instead of the header's names. */
  readonly names?: readonly string[]
  readonly decimal?: '.' | ','
  readonly thousands?: string
  readonly nullValues?: readonly string[]
  /** `%d.%m.%Y`: the only form of dates. */
  readonly dateFormat?: string
  readonly timestampFormat?: string
  /** Timestamps without a zone in a column of instants are UTC. Default: they are refused. */
  readonly assumeUtc?: boolean
  /** Fields that a row lacks at its end are NULL. Default: such rows are refused. */
  readonly padRows?: boolean
  readonly types?: ReadonlyMap<string, LogicalType>
  /** Types of the target for columns that are not declared. */
  readonly targetTypes?: ReadonlyMap<string, LogicalType>
  /** Decoded bytes that inference looks at. Default: `SAMPLE_BYTES`. */
  readonly sampleBytes?: number
}

export const SAMPLE_BYTES = 4 * 1024 * 1024

export const byteOf = (character: string): number => character.charCodeAt(0)

const SHOWN: Readonly<Record<string, string>> = {
  ',': 'comma',
  ';': 'semicolon',
  '|': 'bar',
  '\t': 'tab',
  ' ': 'space',
  '\u0001': '^A',
}

/** For people: `delimiter ;`, `encoding windows-1252` … */
export function dialectText(dialect: CsvDialect): string {
  const character = (byte: number): string => {
    const text = String.fromCharCode(byte)
    return SHOWN[text] ?? text
  }
  return [
    `delimiter ${character(dialect.delimiter)}`,
    `quote ${dialect.quote === null ? 'none' : character(dialect.quote)}`,
    ...(dialect.escaper === null ? [] : [`escape ${character(dialect.escaper)}`]),
    dialect.header ? 'header yes' : 'header no',
    `encoding ${dialect.encoding}${dialect.bomBytes > 0 ? ' (byte-order mark)' : ''}`,
    `decimal ${dialect.decimal === ',' ? 'comma' : 'point'}`,
    ...(dialect.thousands === null ? [] : [`thousands ${SHOWN[dialect.thousands] ?? dialect.thousands}`]),
    `lines end with ${dialect.newline === 'cr' ? 'CR' : 'LF or CRLF'}`,
    ...(dialect.gzip ? ['gzip'] : []),
    ...(dialect.nullValues.length === 0 ? [] : [`null ${dialect.nullValues.join(' ')}`]),
  ].join(', ')
}
