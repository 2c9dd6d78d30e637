/** ORC files as foreign files. I/O by ranges. */
import type { Data, Struct } from 'apache-arrow'
import type { Value } from '../../../connectors/column-values.ts'
import type { LogicalType } from '../../../connectors/logical-type.ts'
import type { ForeignShape } from '../../../connectors/manifest.ts'
import { refusal } from '../../land/orc/file-tail.ts'
import { TypeKind } from '../../land/orc/messages.ts'
import { openOrc } from '../../land/orc/orc-file.ts'
import type { OrcType } from '../../land/orc/schema.ts'
import type { Cells, FileColumn, FileRows, ForeignDataFile, ReadForeign, ReadRange } from './foreign-file.ts'
import type { Tree } from './tree.ts'

/** Rows of a batch: large enough for the encoder, small enough for a thousand columns. */
const BATCH_ROWS = 16_384

/** Throws `UNSUPPORTED` for files of full-ACID tables and with encrypted columns, `FORMAT` for what is no ORC file. */
export async function openOrcDataFile(read: ReadRange, size: number, footerHash: () => string): Promise<ForeignDataFile> {
  const file = await openOrc(read, size)
  const { tail } = file
  const refused = tail === null ? null : refusal(tail)
  if (refused !== null) throw refused
  const root = tail?.root
  const columns = (root?.children ?? []).map(
    (type, index): FileColumn => ({ name: root?.fieldNames[index] ?? '', shape: shapeOf(type), spelled: 'ORC' }),
  )
  return {
    rows: file.rows,
    columns,
    footerHash: footerHash(),
    read: (places, options) => readRows(file, columns, root?.children ?? [], places, options),
  }
}

async function* readRows(
  file: Awaited<ReturnType<typeof openOrc>>,
  columns: readonly FileColumn[],
  types: readonly OrcType[],
  places: readonly number[],
  { owner, signal }: ReadForeign,
): AsyncGenerator<FileRows> {
  if (places.length === 0) {
    yield* emptyRows(file.rows, signal)
    return
  }
  const names = columns.map(({ name }) => name)
  // Positions decide: a name that occurs twice would always give the first one.
  const all = new Set(names).size < names.length
  const inFile = all ? names.map((_, index) => index) : [...new Set(places)].sort((a, b) => a - b)
  const clock = owner === 'spark' ? 'instant' : 'wall'
  const wanted = all ? {} : { columns: inFile.map((place) => names[place] ?? '') }
  for await (const batch of file.read({ ...wanted, batchRows: BATCH_ROWS, clock, signal })) {
    const found = places.map((place): Cells => {
      const type = types[place] as OrcType
      const data = batch.data.children[inFile.indexOf(place)] as Data
      return { data: hasOwnData(type) ? () => data : null, owned: false, at: treeReader(type, data) }
    })
    yield { rows: batch.numRows, columns: found }
  }
}

/** Rows of which no column is wanted. */
export function* emptyRows(rows: number, signal: AbortSignal): Generator<FileRows> {
  for (let at = 0; at < rows; at += BATCH_ROWS) {
    signal.throwIfAborted()
    yield { rows: Math.min(BATCH_ROWS, rows - at), columns: [] }
  }
}

/** Arrow has a type of 8 bits, the logical types have not; CHAR comes with its blanks. */
const hasOwnData = ({ kind, children }: OrcType): boolean =>
  kind !== TypeKind.BYTE && kind !== TypeKind.CHAR && children.length === 0

function shapeOf(type: OrcType): ForeignShape {
  const [first, second] = type.children
  switch (type.kind) {
    case TypeKind.LIST:
      return { kind: 'list', item: shapeOf(first as OrcType) }
    case TypeKind.MAP:
      return { kind: 'map', key: shapeOf(first as OrcType), value: shapeOf(second as OrcType) }
    case TypeKind.STRUCT:
      return {
        kind: 'struct',
        fields: type.children.map((child, index) => ({ name: type.fieldNames[index] ?? '', shape: shapeOf(child) })),
      }
    case TypeKind.UNION:
      return { kind: 'union', branches: type.children.map(shapeOf) }
    default:
      return { kind: 'value', type: logicalType(type, type.kind) }
  }
}

type ValueKind = Exclude<TypeKind, typeof TypeKind.LIST | typeof TypeKind.MAP | typeof TypeKind.STRUCT | typeof TypeKind.UNION>

function logicalType({ precision, scale }: OrcType, kind: ValueKind): LogicalType {
  switch (kind) {
    case TypeKind.BOOLEAN:
      return { kind: 'bool' }
    case TypeKind.BYTE:
    case TypeKind.SHORT:
      return { kind: 'int16' }
    case TypeKind.INT:
      return { kind: 'int32' }
    case TypeKind.LONG:
      return { kind: 'int64' }
    case TypeKind.FLOAT:
      return { kind: 'float32' }
    case TypeKind.DOUBLE:
      return { kind: 'float64' }
    case TypeKind.STRING:
    case TypeKind.VARCHAR:
    case TypeKind.CHAR:
      return { kind: 'utf8', format: 'text' }
    case TypeKind.BINARY:
      return { kind: 'binary' }
    case TypeKind.DATE:
      return { kind: 'date' }
    case TypeKind.DECIMAL:
      return { kind: 'decimal', precision, scale }
    case TypeKind.TIMESTAMP:
      return { kind: 'timestamp', utc: false }
    case TypeKind.TIMESTAMP_INSTANT:
      return { kind: 'timestamp', utc: true }
    default:
      return kind satisfies never
  }
}

type At = (row: number) => Tree

/** Values of Arrow data as the ORC reader makes it: no offset, validity from the first bit. */
function treeReader(type: OrcType, data: Data): At {
  const read = presentReader(type, data)
  return data.nullCount === 0 ? read : (row) => (data.getValid(row) ? read(row) : null)
}

function presentReader(type: OrcType, data: Data): At {
  const children = type.children
  switch (type.kind) {
    case TypeKind.LIST: {
      const item = treeReader(children[0] as OrcType, data.children[0] as Data)
      return (row) => itemsOf(data, row, item)
    }
    case TypeKind.MAP: {
      const entries = data.children[0] as Data<Struct>
      const key = treeReader(children[0] as OrcType, entries.children[0] as Data)
      const value = treeReader(children[1] as OrcType, entries.children[1] as Data)
      return (row) => itemsOf(data, row, (item) => [key(item), value(item)])
    }
    case TypeKind.STRUCT: {
      const fields = children.map((child, index) => treeReader(child, data.children[index] as Data))
      return (row) => fields.map((field) => field(row))
    }
    case TypeKind.UNION: {
      const tags = (data.children[0] as Data).values as Int16Array
      const branches = children.map((child, index) => treeReader(child, data.children[index + 1] as Data))
      return (row) => ({ tag: tags[row] as number, value: branches[tags[row] as number]?.(row) ?? null })
    }
    default:
      return leafReader(type.kind, data)
  }
}

function itemsOf(data: Data, row: number, item: At): readonly Tree[] {
  const offsets = data.valueOffsets as Int32Array
  const items: Tree[] = []
  for (let at = offsets[row] as number; at < (offsets[row + 1] as number); at++) items.push(item(at))
  return items
}

const decoder = new TextDecoder('utf-8', { ignoreBOM: true })

function leafReader(kind: ValueKind, data: Data): (row: number) => Value {
  const { values } = data
  const offsets = data.valueOffsets as Int32Array
  const bytes = (row: number): Uint8Array => (values as Uint8Array).subarray(offsets[row], offsets[row + 1])
  switch (kind) {
    case TypeKind.BOOLEAN:
      return (row) => (((values as Uint8Array)[row >> 3] as number) >> (row & 7)) % 2 === 1
    case TypeKind.STRING:
    case TypeKind.VARCHAR:
      return (row) => decoder.decode(bytes(row))
    case TypeKind.CHAR:
      // Blanks at its end mean nothing; a column that is CHAR in the table, too, shows them again.
      return (row) => decoder.decode(bytes(row)).replace(/ +$/, '')
    case TypeKind.BINARY:
      return (row) => bytes(row).slice()
    case TypeKind.DECIMAL:
      return (row) => unscaled(values as Uint32Array, row)
    default:
      return (row) => values[row] as number | bigint
  }
}

function unscaled(words: Uint32Array, row: number): bigint {
  let bits = 0n
  for (let word = 3; word >= 0; word--) bits = (bits << 32n) | BigInt(words[row * 4 + word] as number)
  return BigInt.asIntN(128, bits)
}
