/** Readers and files in memory for tests of transfers, and rows as lines. */
import { canonicalText, valueReader } from '../../connectors/column-values.ts'
import type { LogicalType } from '../../connectors/logical-type.ts'
import type { BadValues, ReadableFile, RejectedRow, TableReader } from '../../connectors/tables.ts'
import { type CsvReader, openCsvReader } from '../../integrations/transfer/csv/csv-reader.ts'
import type { CsvDeclaration } from '../../integrations/transfer/csv/dialect.ts'

const signal = new AbortController().signal

/** Reads return at most `pieceBytes`, so that every boundary is met. */
export function fileOf(bytes: Uint8Array, name = 'x.csv', pieceBytes = Number.POSITIVE_INFINITY): ReadableFile {
  return {
    name,
    size: bytes.length,
    path: null,
    read: async (start, end) => bytes.slice(start, Math.min(end, start + pieceBytes, bytes.length)),
    [Symbol.asyncDispose]: async () => undefined,
  }
}

export const strict: BadValues = { policy: 'error', onReject: () => undefined }

export function lenient(rows: RejectedRow[]): BadValues {
  return { policy: 'reject', onReject: (row) => rows.push(row) }
}

export function openCsv(
  text: string | Uint8Array,
  declared: CsvDeclaration = {},
  options: { readonly columns?: readonly string[]; readonly badValues?: BadValues; readonly pieceBytes?: number } = {},
): Promise<CsvReader> {
  const bytes = typeof text === 'string' ? Buffer.from(text, 'utf8') : text
  const { columns = null, badValues = strict, pieceBytes } = options
  return openCsvReader({ file: fileOf(bytes, 'x.csv', pieceBytes), declared, columns, badValues, sha256: null }, signal)
}

export const typesOf = (reader: TableReader): string =>
  reader.columns.map(({ name, sourceType }) => `${name} ${sourceType}`).join(', ')

/** One line per row: canonical texts, `␀` for NULL, joined by ` | `. */
export async function linesOf(reader: TableReader): Promise<readonly string[]> {
  const lines: string[] = []
  const types: readonly LogicalType[] = reader.columns.map(({ type }) => type)
  for await (const { batch, release } of reader.rows(signal)) {
    const columns = types.map((_, index) => {
      const vector = batch.getChildAt(index)
      return vector === null ? () => null : valueReader(vector)
    })
    for (let row = 0; row < batch.numRows; row++) {
      lines.push(
        columns
          .map((read, index) => {
            const value = read(row)
            const type = types[index]
            return value === null || type === undefined ? '␀' : canonicalText(value, type)
          })
          .join(' | '),
      )
    }
    release()
  }
  return lines
}
