/** What is in an ORC file, ours or anyone's: schema, stripes, statistics, encodings, metadata, rows. */
import { type Data, DataType } from 'apache-arrow'
import { decimalText } from '../../../connectors/column-values.ts'
import { bytesText, dateText, timestampText } from '../../types/canonical-text.ts'
import type { InspectedChunk, InspectedRowGroup, Json, ParquetInspection } from '../parquet/inspect.ts'
import type { FileTail, ReadRange } from './file-tail.ts'
import { type ColumnStatistics, CompressionKind, EncodingKind, StreamKind, TypeKind } from './messages.ts'
import { openOrc } from './orc-file.ts'
import { flatten, type OrcType } from './schema.ts'
import { decodeStatistics, openStripe, type Stripe } from './stripe-reader.ts'

/** A column in a stripe. The format does not say how large its streams are before compression. */
export type InspectedOrcColumn = Omit<InspectedChunk, 'uncompressedBytes'> & { readonly uncompressedBytes: null }

export type InspectedStripe = Omit<InspectedRowGroup, 'columns'> & {
  readonly columns: readonly InspectedOrcColumn[]
  /** Zone in which its timestamps were written. */
  readonly writerTimezone: string
}

/** The same shape as a Parquet file's, with stripes as row groups; a row index counts as both of Parquet's indexes. */
export type OrcInspection = Omit<ParquetInspection, 'format' | 'rowGroups'> & {
  readonly format: 'orc'
  readonly rowGroups: readonly InspectedStripe[]
  readonly version: string
  readonly calendar: 'hybrid' | 'proleptic'
}

const WRITERS: Readonly<Record<number, string>> = {
  0: 'ORC Java',
  1: 'ORC C++',
  2: 'Presto',
  3: 'Scritchley Go',
  4: 'Trino',
  5: 'CUDF',
  5263186: 'Portage',
}

/**
 * Reads the tail and one footer per stripe. `size` is the file's size in bytes. Files of ACID tables and with encrypted
 * columns can be inspected, though not read. Throws `FORMAT` when the file is not ORC or is damaged.
 */
export async function inspectOrc(readRange: ReadRange, size: number): Promise<OrcInspection> {
  const { tail, rows, metadata } = await openOrc(readRange, size)
  const text = new TextDecoder()
  const rowGroups: InspectedStripe[] = []
  for (const index of (tail?.stripes ?? []).keys()) {
    if (tail !== null) rowGroups.push(inspectStripe(tail, await openStripe(readRange, tail, index), index))
  }
  // Of lists, maps and structs it is known how many are null, too.
  const told = tail === null ? [] : flatten(tail.root).filter((type) => isLeaf(type) || isTopLevel(type))
  return {
    format: 'orc',
    rows,
    bytes: size,
    createdBy: tail === null ? null : writerText(tail),
    schema: (tail?.root.children ?? []).map((child, i) => ({
      name: tail?.root.fieldNames[i] ?? '',
      type: typeName(child),
      nullable: true,
    })),
    rowGroups,
    statistics: Object.fromEntries(
      told.map((leaf) => [leaf.path, { nulls: nullsOf(decodeStatistics(tail?.footer.statistics[leaf.id]), leaf, rows) }]),
    ),
    metadata: Object.fromEntries([...metadata].map(([name, value]) => [name, text.decode(value)])),
    version: tail?.postScript.version.join('.') ?? '',
    calendar: tail?.hybrid ? 'hybrid' : 'proleptic',
  }
}

const isLeaf = (type: OrcType): boolean => type.children.length === 0 && type.kind !== TypeKind.STRUCT

function inspectStripe(tail: FileTail, stripe: Stripe, index: number): InspectedStripe {
  const codec = Object.entries(CompressionKind).find(([, kind]) => kind === tail.compression.kind)?.[0] ?? 'NONE'
  const columns = flatten(tail.root)
    .filter(isLeaf)
    .map((leaf): InspectedOrcColumn => {
      const own = stripe.streams.filter(({ column }) => column === leaf.id)
      const kind = stripe.footer.columns[leaf.id]?.kind ?? 0
      const found = decodeStatistics(tail.stripeStatistics[index]?.[leaf.id])
      const indexed = own.some((stream) => stream.kind === StreamKind.ROW_INDEX)
      return {
        column: leaf.path,
        compression: codec,
        encodings: [Object.entries(EncodingKind).find(([, each]) => each === kind)?.[0] ?? String(kind)],
        compressedBytes: own.reduce((sum, { start, end }) => sum + end - start, 0),
        uncompressedBytes: null,
        nulls: nullsOf(found, leaf, stripe.place.rows),
        ...boundsJson(leaf, found),
        columnIndex: indexed,
        offsetIndex: indexed,
      }
    })
  const { indexLength, dataLength, rows } = stripe.place
  return { rows, bytes: indexLength + dataLength, columns, writerTimezone: stripe.footer.writerTimezone ?? '' }
}

/** Only of top-level columns is it known how many entries there should be. */
function nullsOf(found: Partial<ColumnStatistics> | null, leaf: OrcType, rows: number): number | null {
  if (found?.numberOfValues === undefined) return null
  if (found.hasNull === false) return 0
  return isTopLevel(leaf) ? rows - found.numberOfValues : null
}

const isTopLevel = ({ depth }: OrcType): boolean => depth === 1

function boundsJson(leaf: OrcType, found: Partial<ColumnStatistics> | null): { readonly min: Json; readonly max: Json } {
  const integer = (value: bigint | undefined): Json => {
    if (value === undefined) return null
    return leaf.kind === TypeKind.LONG ? value.toString() : Number(value)
  }
  const day = (value: bigint | undefined): Json => (value === undefined ? null : dateText(Number(value)))
  const {
    intStatistics: int,
    doubleStatistics: double,
    stringStatistics: text,
    decimalStatistics: decimal,
    dateStatistics: date,
    timestampStatistics: time,
    bucketStatistics: bucket,
  } = found ?? {}
  if (int !== undefined) return { min: integer(int.minimum), max: integer(int.maximum) }
  if (double !== undefined) return { min: floatJson(double.minimum), max: floatJson(double.maximum) }
  if (text !== undefined) return { min: text.minimum ?? text.lowerBound ?? null, max: text.maximum ?? text.upperBound ?? null }
  if (decimal !== undefined) return { min: decimal.minimum ?? null, max: decimal.maximum ?? null }
  if (date !== undefined) return { min: day(date.minimum), max: day(date.maximum) }
  if (time !== undefined) {
    return {
      min: instant(time.minimumUtc, (time.minimumNanos ?? 1) - 1),
      max: instant(time.maximumUtc, (time.maximumNanos ?? 1_000_000) - 1),
    }
  }
  const trues = bucket?.count[0]
  if (trues === undefined || !found?.numberOfValues) return { min: null, max: null }
  return { min: trues === found.numberOfValues, max: trues > 0 }
}

function instant(millis: bigint | undefined, nanos: number): Json {
  return millis === undefined ? null : timestampText(millis * 1_000_000n + BigInt(nanos), 'T', 9)
}

function writerText(tail: FileTail): string {
  const { writer = 0, softwareVersion } = tail.footer
  return `${WRITERS[writer] ?? `ORC writer ${writer}`}${softwareVersion === undefined ? '' : ` ${softwareVersion}`}`
}

/** Names of the logical type table where they fit: `int64`, `decimal(12,2)`, `list<utf8>`, `map<utf8, int32>`. */
function typeName(type: OrcType): string {
  const [first, second] = type.children.map(typeName)
  switch (type.kind) {
    case TypeKind.LIST:
      return `list<${first}>`
    case TypeKind.MAP:
      return `map<${first}, ${second}>`
    case TypeKind.STRUCT:
      return `struct<${type.children.map((child, i) => `${type.fieldNames[i] ?? ''}: ${typeName(child)}`).join(', ')}>`
    case TypeKind.UNION:
      return `union<${type.children.map(typeName).join(', ')}>`
    case TypeKind.DECIMAL:
      return `decimal(${type.precision},${type.scale})`
    case TypeKind.VARCHAR:
      return `varchar(${type.maximumLength})`
    case TypeKind.CHAR:
      return `char(${type.maximumLength})`
    default:
      return NAMES[type.kind]
  }
}

const NAMES = {
  [TypeKind.BOOLEAN]: 'bool',
  [TypeKind.BYTE]: 'int8',
  [TypeKind.SHORT]: 'int16',
  [TypeKind.INT]: 'int32',
  [TypeKind.LONG]: 'int64',
  [TypeKind.FLOAT]: 'float32',
  [TypeKind.DOUBLE]: 'float64',
  [TypeKind.STRING]: 'utf8',
  [TypeKind.BINARY]: 'binary',
  [TypeKind.TIMESTAMP]: 'timestamp(ns)',
  [TypeKind.TIMESTAMP_INSTANT]: 'timestamp(ns,UTC)',
  [TypeKind.DATE]: 'date',
} as const

/**
 * The file's rows in order, one JSON object each, at most `limit`. 64-bit integers and decimals are strings, bytes
 * lower-case hex, timestamps ISO-8601 with their full fraction, NaN and infinities text. Throws as `OrcFile.read` does.
 */
export async function* readOrcRows(
  readRange: ReadRange,
  size: number,
  options?: { readonly limit?: number; readonly columns?: readonly string[] },
): AsyncGenerator<Readonly<Record<string, Json>>> {
  const file = await openOrc(readRange, size)
  let left = options?.limit ?? Number.POSITIVE_INFINITY
  if (left <= 0) return
  const batches = file.read({
    timestamps: 'text',
    batchRows: Math.min(left, 4096),
    ...(options?.columns === undefined ? {} : { columns: options.columns }),
  })
  for await (const batch of batches) {
    for (let row = 0; row < batch.numRows; row++) {
      yield Object.fromEntries(batch.schema.fields.map(({ name }, i) => [name, valueJson(batch.data.children[i] as Data, row)]))
      if (--left <= 0) return
    }
  }
}

/** One value of Arrow data as JSON. */
function valueJson(data: Data, row: number): Json {
  if (data.nullCount > 0 && !data.getValid(row)) return null
  const { type, values } = data
  if (DataType.isBool(type)) return (((values as Uint8Array)[row >> 3] as number) >> (row & 7)) % 2 === 1
  if (DataType.isInt(type)) return type.bitWidth === 64 ? String(values[row]) : (values[row] as number)
  if (DataType.isFloat(type)) return floatJson(values[row] as number)
  if (DataType.isDate(type)) return dateText(values[row] as number)
  if (DataType.isDecimal(type)) return decimalText(unscaled(values as Uint32Array, row), type.scale)
  if (DataType.isUtf8(type)) return Buffer.from(slice(data, row)).toString('utf8')
  if (DataType.isBinary(type)) return bytesText(slice(data, row))
  const [from = 0, to = 0] = [data.valueOffsets?.[row], data.valueOffsets?.[row + 1]].map(Number)
  const items = Array.from({ length: Math.max(0, to - from) }, (_, i) => from + i)
  const [child] = data.children
  if (DataType.isList(type) && child !== undefined) return items.map((item) => valueJson(child, item))
  if (DataType.isMap(type) && child !== undefined) {
    const [keys, entries] = child.children
    if (keys !== undefined && entries !== undefined) {
      return Object.fromEntries(items.map((item) => [keyText(valueJson(keys, item)), valueJson(entries, item)]))
    }
  }
  if (DataType.isStruct(type)) {
    return Object.fromEntries(type.children.map(({ name }, i) => [name, valueJson(data.children[i] as Data, row)]))
  }
  return String(values[row])
}

const keyText = (key: Json): string => (typeof key === 'string' ? key : JSON.stringify(key))

/** JSON has no NaN and no infinities: they are text. */
function floatJson(value: number | undefined): Json {
  return value === undefined ? null : Number.isFinite(value) ? value : String(value)
}

function slice(data: Data, row: number): Uint8Array {
  const offsets = data.valueOffsets as Int32Array
  return (data.values as Uint8Array).subarray(offsets[row], offsets[row + 1])
}

function unscaled(words: Uint32Array, row: number): bigint {
  const word = (i: number) => BigInt(words[row * 4 + i] as number)
  return BigInt.asIntN(128, word(0) | (word(1) << 32n) | (word(2) << 64n) | (word(3) << 96n))
}
