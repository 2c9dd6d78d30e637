/** Finds and parses the footer of any Parquet file. I/O through ranged reads only: one, or two when the footer is large. */
import { type FileMetaData, parquetMetadata } from 'hyparquet'
import { deserializeTCompactProtocol } from 'hyparquet/src/thrift.js'
import { ConnectorError } from '../../../connectors/errors.ts'
import { thriftEnd } from './thrift-scan.ts'

/** Reads bytes [start, end) of the file. */
export type ReadRange = (start: number, end: number) => Promise<Uint8Array>

export type Footer = {
  readonly metadata: FileMetaData
  /** PLAIN bytes of the bounds, by row group and column: the parsed metadata has them rounded. */
  readonly bounds: readonly (readonly RawBounds[])[]
}

export type RawBounds = { readonly min: Uint8Array | null; readonly max: Uint8Array | null; readonly nulls: number | null }

const FIRST_READ_BYTES = 65_536
/** Footer length in four bytes, then the magic. */
const TAIL_BYTES = 8

/** Throws `FORMAT` when the file is not Parquet, is damaged or is encrypted. */
export async function readFooter(readRange: ReadRange, size: number): Promise<Footer> {
  if (size < TAIL_BYTES + 4) throw notParquet(`it has ${size} bytes, fewer than an empty Parquet file`)
  const start = Math.max(0, size - FIRST_READ_BYTES)
  const tail = await readRange(start, size)
  const magic = Buffer.from(tail.subarray(tail.length - 4)).toString('latin1')
  if (magic === 'PARE') throw notParquet('its footer is encrypted, which is not supported')
  if (magic !== 'PAR1') throw notParquet('it does not end with "PAR1"')
  const length = new DataView(tail.buffer, tail.byteOffset).getUint32(tail.length - TAIL_BYTES, true)
  if (length > size - TAIL_BYTES - 4) throw notParquet(`its footer claims ${length} of the file's ${size} bytes`)
  const needed = size - TAIL_BYTES - length
  const bytes = new Uint8Array(
    needed >= start ? tail.subarray(needed - start) : Buffer.concat([await readRange(needed, start), tail]),
  )
  try {
    const footer = new Uint8Array(bytes.subarray(0, length))
    thriftEnd(footer, 0)
    const raw: ThriftStruct = deserializeTCompactProtocol({ view: new DataView(footer.buffer), offset: 0 })
    requireTree(structs(raw.field_2))
    return { metadata: parquetMetadata(bytes), bounds: rawBounds(raw) }
  } catch (cause) {
    throw new ConnectorError('FORMAT', 'Parquet file is damaged: its footer cannot be parsed; fetch or write the file again', {
      cause,
    })
  }
}

/** The few thrift fields looked at: Statistics 3 null_count, 5 max_value, 6 min_value. */
type ThriftStruct = { readonly [field: `field_${number}`]: unknown }

/** No writer nests deeper, and who walks the tree does so by calling itself. */
const MAX_SCHEMA_DEPTH = 200

/** The schema is a list in which each element says how many children follow (SchemaElement 5 num_children): they must make one tree. */
function requireTree(elements: readonly ThriftStruct[]): void {
  const open: number[] = [1]
  for (const element of elements) {
    while (open.at(-1) === 0) open.pop()
    if (open.length === 0 || open.length > MAX_SCHEMA_DEPTH) throw new RangeError('the schema is no tree, or too deep')
    open.push(Number(open.pop()) - 1)
    const children = Number(element.field_5 ?? 0)
    if (!(children >= 0 && children < elements.length)) throw new RangeError('the schema has other elements than it says')
    open.push(children)
  }
  if (open.some((left) => left > 0)) throw new RangeError('the schema has fewer elements than it says')
}

function rawBounds(file: ThriftStruct): readonly (readonly RawBounds[])[] {
  return structs(file.field_4).map((group) =>
    structs(group.field_1).map((chunk) => {
      const statistics = ((chunk.field_3 as ThriftStruct | undefined)?.field_12 ?? {}) as ThriftStruct
      const bytes = (value: unknown) => (value instanceof Uint8Array ? value : null)
      const nulls = statistics.field_3
      return {
        min: bytes(statistics.field_6),
        max: bytes(statistics.field_5),
        nulls: typeof nulls === 'bigint' || typeof nulls === 'number' ? Number(nulls) : null,
      }
    }),
  )
}

const structs = (value: unknown): readonly ThriftStruct[] => (Array.isArray(value) ? (value as ThriftStruct[]) : [])

function notParquet(found: string): ConnectorError {
  return new ConnectorError('FORMAT', `File is not a readable Parquet file: ${found}`)
}
