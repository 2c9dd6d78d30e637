/** Structs, lists, maps and unions while a stripe is read. */
import { type Data, type DataType, Field, List, Map_, makeData, Struct } from 'apache-arrow'
import { ConnectorError } from '../../../connectors/errors.ts'
import { ByteDecoder } from './byte-rle.ts'
import {
  BATCH_ELEMENTS,
  bitmap,
  ColumnReader,
  integers,
  MAX_COLUMN_ELEMENTS,
  requiredStream,
  SmallIntegers,
  type StripeContext,
} from './column-reader.ts'
import { damaged } from './damaged.ts'
import type { PositionReader } from './in-stream.ts'
import type { OrcType } from './schema.ts'

export class StructReader extends ColumnReader {
  /** `children` are those of the struct that are read, in its order; `names` are theirs. */
  constructor(type: OrcType, context: StripeContext, children: readonly ColumnReader[], names: readonly string[]) {
    const arrow = new Struct(children.map((child, i) => new Field(names[i] ?? '', child.arrow, true)))
    super(type, arrow, context, children)
  }

  override fitting(count: number): number {
    return this.children.reduce((rows, child) => Math.min(rows, child.fitting(rows)), count)
  }

  protected values(count: number, validity: Uint8Array | null, values: number): Data {
    return this.data(count, validity, values, { children: this.children.map((child) => child.read(count, validity, values)) })
  }

  protected skipValues(values: number): void {
    for (const child of this.children) child.skip(values)
  }

  protected seekValues(): void {}
}

/** list and map. */
export class ListReader extends ColumnReader {
  readonly #lengths: SmallIntegers

  constructor(type: OrcType, context: StripeContext, children: readonly ColumnReader[]) {
    super(type, listType(type, children), context, children)
    this.#lengths = new SmallIntegers(integers(type, 'LENGTH', context, { signed: false }), `column "${type.path}"`)
  }

  override fitting(count: number): number {
    return this.#lengths.fitting(count, BATCH_ELEMENTS, (length) => length)
  }

  protected values(count: number, validity: Uint8Array | null, values: number): Data {
    const lengths = this.#lengths.take(values)
    const offsets = new Int32Array(count + 1)
    let at = 0
    let total = 0
    for (let row = 0; row < count; row++) {
      if (validity === null || ((validity[row >> 3] as number) >> (row & 7)) & 1) total += lengths[at++] as number
      if (total > MAX_COLUMN_ELEMENTS) {
        throw new ConnectorError(
          'UNSUPPORTED',
          `ORC column "${this.type.path}" has more than ${MAX_COLUMN_ELEMENTS} elements in ${count} rows: read fewer rows at once (batchRows)`,
        )
      }
      offsets[row + 1] = total
    }
    const children = this.children.map((child) => child.read(total, null, total))
    return this.data(count, validity, values, { valueOffsets: offsets, child: this.#entries(children, total) })
  }

  protected skipValues(values: number): void {
    let left = values
    while (left > 0) {
      const piece = Math.min(left, 8_192)
      let elements = 0
      for (const length of this.#lengths.take(piece)) elements += length
      for (const child of this.children) child.skip(elements)
      left -= piece
    }
  }

  protected seekValues(positions: PositionReader): void {
    this.#lengths.seek(positions)
  }

  #entries(children: Data[], total: number): Data {
    const [only] = children
    if (children.length === 1 && only !== undefined) return only
    const entries = (this.arrow as Map_).children[0]?.type
    return makeData({ type: entries as Struct, length: total, nullCount: 0, children })
  }
}

function listType(type: OrcType, children: readonly ColumnReader[]): DataType {
  const [first, second] = children
  if (first === undefined) throw damaged('footer', `column "${type.path}" has no elements`)
  if (second === undefined) return new List(new Field('item', first.arrow, true))
  const entries = new Struct([new Field('key', first.arrow, false), new Field('value', second.arrow, true)])
  return new Map_(new Field('entries', entries, false) as ConstructorParameters<typeof Map_>[0])
}

/** A union, as a struct of its tag and one field per branch, of which the tag's is set. */
export class UnionReader extends ColumnReader {
  readonly #tags: ByteDecoder

  constructor(type: OrcType, context: StripeContext, children: readonly ColumnReader[], tag: DataType) {
    const fields = children.map((child, i) => new Field(`branch_${i}`, child.arrow, true))
    super(type, new Struct([new Field('tag', tag, true), ...fields]), context, children)
    this.#tags = new ByteDecoder(requiredStream(type, 'DATA', context))
  }

  protected values(count: number, validity: Uint8Array | null, values: number): Data {
    const tags = this.#read(values)
    const spreadTags = new Int16Array(count)
    const masks = this.children.map(() => bitmap(count))
    const sizes = this.children.map(() => 0)
    let at = 0
    for (let row = 0; row < count; row++) {
      if (validity !== null && !(((validity[row >> 3] as number) >> (row & 7)) & 1)) continue
      const tag = tags[at++] as number
      spreadTags[row] = tag
      const mask = masks[tag] as Uint8Array
      mask[row >> 3] = (mask[row >> 3] as number) | (1 << (row & 7))
      sizes[tag] = (sizes[tag] as number) + 1
    }
    const tagType = (this.arrow as Struct).children[0]?.type as DataType
    const tagData = makeData({
      type: tagType,
      length: count,
      nullCount: count - values,
      nullBitmap: validity,
      data: spreadTags,
    } as Parameters<typeof makeData>[0])
    const branches = this.children.map((child, i) => child.read(count, masks[i] as Uint8Array, sizes[i] as number))
    return this.data(count, validity, values, { children: [tagData, ...branches] })
  }

  protected skipValues(values: number): void {
    for (let left = values; left > 0; left -= 8_192) {
      const sizes = this.children.map(() => 0)
      for (const tag of this.#read(Math.min(left, 8_192))) sizes[tag] = (sizes[tag] as number) + 1
      for (const [i, child] of this.children.entries()) child.skip(sizes[i] as number)
    }
  }

  protected seekValues(positions: PositionReader): void {
    this.#tags.seek(positions)
  }

  #read(count: number): Uint8Array {
    const tags = new Uint8Array(count)
    this.#tags.read(tags, count)
    const branches = this.children.length
    for (const tag of tags)
      if (tag >= branches) throw damaged(`column "${this.type.path}"`, `a tag of a union of ${branches} branches is ${tag}`)
    return tags
  }
}
