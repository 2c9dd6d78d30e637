/**
 * An ORC file as rows of JSON: binary as hex text, maps as arrays of {key, value}, unions as {tag, value}, nested keys in the file's case.
 * Read by Portage's own reader. I/O.
 */
import { createHash, randomUUID } from 'node:crypto'
import { open, rename } from 'node:fs/promises'
import { type Data, DataType, type RecordBatch, TimeUnit } from 'apache-arrow'
import { openOrc } from '../../../../../integrations/land/orc/orc-file.ts'
import { quoted } from '../bind/value.ts'
import type { FormatOptions } from '../catalogue/objects.ts'
import type { Duck, DuckConnection } from '../duck.ts'
import { MARKS } from './file-node.ts'

/** The file of a copy's rows as the format reads them; its path is longer than the copy's by `ROWS_SUFFIX`. */
export const rowsPath = (path: string, format: FormatOptions): string =>
  `${path}.${createHash('sha256').update(JSON.stringify(format)).digest('hex').slice(0, 8)}.rows`

export const ROWS_SUFFIX = '.00000000.rows'.length

/**
 * Writes the file's rows as a Parquet file with the one column `v` beside the copy; false when the file cannot be read. No table of the
 * database: a transaction that is open would not see it.
 */
export async function loadOrc(path: string, format: FormatOptions, duck: Duck, signal: AbortSignal): Promise<boolean> {
  using connection = await duck.connect()
  await connection.run('CREATE TEMP TABLE orc_rows(v VARCHAR)', signal)
  // A timestamp that microseconds cannot hold is read in nanoseconds.
  for (const timestamps of ['micros', 'nanos'] as const) {
    await connection.run('DELETE FROM orc_rows', signal)
    if (!(await append(path, { timestamps, format }, connection, signal))) continue
    // Another session may look at the file at this moment: whole files only have the name.
    const part = `${path}.${randomUUID()}.part`
    await connection.run(`COPY orc_rows TO ${quoted(part)} (FORMAT PARQUET)`, signal)
    await rename(part, rowsPath(path, format))
    return true
  }
  return false
}

type Reading = { readonly timestamps: 'micros' | 'nanos'; readonly format: FormatOptions }

async function append(
  path: string,
  { timestamps, format }: Reading,
  connection: DuckConnection,
  signal: AbortSignal,
): Promise<boolean> {
  await using file = await open(path)
  const { size } = await file.stat()
  const readRange = async (start: number, end: number): Promise<Uint8Array> => {
    const bytes = new Uint8Array(Math.min(end, size) - start)
    await file.read(bytes, 0, bytes.length, start)
    return bytes
  }
  const appender = await connection.raw.createAppender('orc_rows')
  try {
    const orc = await openOrc(readRange, size)
    for await (const batch of orc.read({ timestamps })) {
      signal.throwIfAborted()
      for (const line of rowsOf(batch, format)) {
        appender.appendVarchar(line)
        appender.endRow()
      }
    }
    appender.flushSync()
    return true
  } catch (error) {
    if (signal.aborted) throw error
    return false
  } finally {
    appender.closeSync()
  }
}

function* rowsOf(batch: RecordBatch, format: FormatOptions): Generator<string> {
  const columns = batch.schema.fields.map(({ name }, index) => ({
    key: JSON.stringify(name),
    data: batch.data.children[index] as Data,
  }))
  for (let row = 0; row < batch.numRows; row++) {
    const fields = columns.flatMap(({ key, data }) => {
      const value = json(data, row, format)
      return value === null ? [] : [`${key}:${value}`]
    })
    yield `{${fields.join(',')}}`
  }
}

const marked = (letter: string, words: string): string => `"\\u0001${letter}${words}"`

/** A value as JSON text; null for NULL. */
function json(data: Data, row: number, format: FormatOptions): string | null {
  if (data.nullCount > 0 && !data.getValid(row)) return null
  const { type, values } = data
  if (DataType.isBool(type)) return (((values as Uint8Array)[row >> 3] as number) >> (row & 7)) % 2 === 1 ? 'true' : 'false'
  if (DataType.isInt(type)) return String(values[row])
  if (DataType.isFloat(type)) return floatText(values[row] as number)
  if (DataType.isDate(type)) return marked(MARKS.date, dayText(values[row] as number))
  if (DataType.isTimestamp(type)) {
    const unit = type.unit === TimeUnit.NANOSECOND ? 1_000n : 1n
    const micros = floorDivide((values as BigInt64Array)[row] as bigint, unit)
    return marked(type.timezone ? MARKS.timestamp_ltz : MARKS.timestamp_ntz, microsText(micros))
  }
  if (DataType.isDecimal(type)) return decimalText(unscaled(values as Uint32Array, row), type.scale)
  if (DataType.isUtf8(type)) return textJson(Buffer.from(slice(data, row)).toString('utf8'), format)
  if (DataType.isBinary(type)) return `"${Buffer.from(slice(data, row)).toString('hex').toUpperCase()}"`
  return nested(data, row, format)
}

function nested(data: Data, row: number, format: FormatOptions): string {
  const { type } = data
  const [from = 0, to = 0] = [data.valueOffsets?.[row], data.valueOffsets?.[row + 1]].map(Number)
  const items = Array.from({ length: Math.max(0, to - from) }, (_, index) => from + index)
  const [child] = data.children
  if (DataType.isList(type) && child !== undefined)
    return `[${items.map((item) => json(child, item, format) ?? 'null').join(',')}]`
  if (DataType.isMap(type) && child !== undefined) {
    const [keys, entries] = child.children
    const entry = (item: number): string =>
      `{"key":${keys === undefined ? 'null' : json(keys, item, format)},"value":${(entries === undefined ? null : json(entries, item, format)) ?? 'null'}}`
    return `[${items.map(entry).join(',')}]`
  }
  if (DataType.isStruct(type)) {
    if (isUnion(type)) return unionJson(data, row, format)
    const fields = type.children.map(
      ({ name }, index) => `${JSON.stringify(name)}:${json(data.children[index] as Data, row, format) ?? 'null'}`,
    )
    return `{${fields.join(',')}}`
  }
  return JSON.stringify(String(data.values[row]))
}

/** Our reader gives a union as a struct of its tag and `branch_0`, `branch_1`, …. */
const isUnion = ({ children }: DataType): boolean =>
  children.length > 1 && children.every(({ name }, index) => name === (index === 0 ? 'tag' : `branch_${index - 1}`))

function unionJson(data: Data, row: number, format: FormatOptions): string {
  const [tags, ...branches] = data.children
  const tag = tags === undefined ? null : json(tags as Data, row, format)
  const branch = branches[Number(tag)]
  return `{"tag":${tag},"value":${(branch === undefined ? null : json(branch as Data, row, format)) ?? 'null'}}`
}

function textJson(value: string, { trimSpace, nullIf }: FormatOptions): string | null {
  const text = trimSpace ? value.trim() : value
  return nullIf.includes(text) ? null : JSON.stringify(text)
}

function floatText(value: number): string {
  if (Number.isNaN(value)) return '"NaN"'
  if (!Number.isFinite(value)) return value > 0 ? '"Infinity"' : '"-Infinity"'
  return marked(MARKS.double, String(value))
}

function slice(data: Data, row: number): Uint8Array {
  const offsets = data.valueOffsets as Int32Array
  return (data.values as Uint8Array).subarray(offsets[row], offsets[row + 1])
}

function unscaled(words: Uint32Array, row: number): bigint {
  const word = (index: number) => BigInt(words[row * 4 + index] as number)
  return BigInt.asIntN(128, word(0) | (word(1) << 32n) | (word(2) << 64n) | (word(3) << 96n))
}

/** Without the zeros that a VARIANT does not keep. */
function decimalText(value: bigint, scale: number): string {
  const digits = String(value < 0n ? -value : value).padStart(scale + 1, '0')
  const whole = digits.slice(0, digits.length - scale)
  const fraction = digits.slice(digits.length - scale).replace(/0+$/, '')
  return `${value < 0n ? '-' : ''}${whole}${scale > 0 && fraction !== '' ? `.${fraction}` : ''}`
}

const floorDivide = (value: bigint, by: bigint): bigint => (value - (((value % by) + by) % by)) / by

/** Years from 0001 to 9999; others have no text that reads back, and then the file is skipped. */
function dayText(days: number): string {
  const text = new Date(days * 86_400_000).toISOString()
  if (!/^\d{4}-/.test(text)) throw new RangeError('a date beyond year 9999')
  return text.slice(0, 10)
}

function microsText(micros: bigint): string {
  const day = floorDivide(micros, 86_400_000_000n)
  const rest = micros - day * 86_400_000_000n
  const seconds = rest / 1_000_000n
  const two = (value: bigint) => String(value).padStart(2, '0')
  const clock = `${two(seconds / 3600n)}:${two((seconds / 60n) % 60n)}:${two(seconds % 60n)}`
  return `${dayText(Number(day))} ${clock}.${String(rest % 1_000_000n).padStart(6, '0')}`
}
