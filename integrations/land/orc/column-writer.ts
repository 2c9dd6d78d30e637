/**
 * What every column does while a stripe is written: the PRESENT stream, statistics and row index entries. What differs
 * by type — the streams of the values — is in the classes derived from it.
 */
import type { Data } from 'apache-arrow'
import { ConnectorError } from '../../../connectors/errors.ts'
import { BooleanEncoder } from './byte-rle.ts'
import type { BlockCompressor } from './compression.ts'
import { EncodingKind, RowIndex, StreamKind, TypeKind } from './messages.ts'
import { OutStream } from './out-stream.ts'
import { encodeMessage } from './protobuf.ts'
import type { OrcType } from './schema.ts'
import { Statistics, type StatisticsKind } from './statistics.ts'

/** Rows handed to a column's encoder at once. */
export const SLICE_ROWS = 8_192

export type WriterContext = {
  readonly compress: BlockCompressor
  /** Ids of columns whose values must leave no trace in statistics. */
  readonly unstated: ReadonlySet<number>
  /** See `OrcWriterOptions.epochSecond`. */
  readonly epochSecond: 'error' | 'late'
}

export type FinishedStream = { readonly kind: number; readonly blocks: readonly Uint8Array[]; readonly size: number }

/** One column of a finished stripe. */
export type FinishedColumn = {
  readonly type: OrcType
  readonly index: Uint8Array
  readonly streams: readonly FinishedStream[]
  readonly encoding: { readonly kind: number; readonly dictionarySize?: number }
  readonly statistics: Statistics
}

export type Group = {
  readonly present: readonly number[]
  data: readonly number[]
  readonly statistics: Statistics
}

const KINDS: Readonly<Record<TypeKind, StatisticsKind>> = {
  [TypeKind.BOOLEAN]: 'boolean',
  [TypeKind.BYTE]: 'integer',
  [TypeKind.SHORT]: 'integer',
  [TypeKind.INT]: 'integer',
  [TypeKind.LONG]: 'integer',
  [TypeKind.FLOAT]: 'float',
  [TypeKind.DOUBLE]: 'float',
  [TypeKind.STRING]: 'text',
  [TypeKind.VARCHAR]: 'text',
  [TypeKind.CHAR]: 'text',
  [TypeKind.BINARY]: 'binary',
  [TypeKind.TIMESTAMP]: 'timestamp',
  [TypeKind.TIMESTAMP_INSTANT]: 'timestamp',
  [TypeKind.DATE]: 'date',
  [TypeKind.DECIMAL]: 'decimal',
  [TypeKind.LIST]: 'collection',
  [TypeKind.MAP]: 'collection',
  [TypeKind.STRUCT]: 'none',
  [TypeKind.UNION]: 'none',
}

export abstract class ColumnWriter {
  readonly type: OrcType
  readonly children: readonly ColumnWriter[]
  readonly context: WriterContext
  /** Values of this column leave statistics. */
  readonly stated: boolean
  /** Statistics of the open row group. */
  protected statistics: Statistics
  protected readonly groups: Group[] = []
  readonly #presentOut: OutStream
  readonly #present: BooleanEncoder
  readonly #rows = new Int32Array(SLICE_ROWS)
  #startPresent: readonly number[] = []
  #startData: readonly number[] = []

  constructor(type: OrcType, context: WriterContext, children: readonly ColumnWriter[] = []) {
    this.type = type
    this.context = context
    this.children = children
    this.stated = !context.unstated.has(type.id)
    this.statistics = this.newStatistics()
    this.#presentOut = new OutStream(context.compress)
    this.#present = new BooleanEncoder(this.#presentOut)
  }

  /** Row index positions of an empty stripe are taken here, so derived classes call it when their streams exist. */
  protected begin(): void {
    this.#startPresent = this.#presentPosition()
    this.startData()
  }

  /** The open row group's values start where the streams stand now. */
  protected startData(): void {
    const data: number[] = []
    this.dataPosition(data)
    this.#startData = data
  }

  /** Rows [from, to) of `data`, whose type is this column's. */
  append(data: Data, from: number, to: number): void {
    for (let start = from; start < to; start += SLICE_ROWS) this.#slice(data, start, Math.min(to, start + SLICE_ROWS))
  }

  #slice(data: Data, from: number, to: number): void {
    const count = to - from
    const rows = this.#rows
    const bitmap = data.nullCount > 0 ? (data.nullBitmap as Uint8Array | null | undefined) : undefined
    if (data.nullCount > 0 && (bitmap === null || bitmap === undefined || bitmap.length * 8 < data.offset + to)) {
      if (data.nullCount < data.length) throw broken(this.type, 'its validity bitmap is too short')
      this.#present.pushRun(0, count)
      this.statistics.nulls += count
      return
    }
    let values = 0
    if (bitmap === null || bitmap === undefined) {
      for (let i = from; i < to; i++) rows[values++] = i
      this.#present.pushRun(1, count)
    } else {
      const offset = data.offset
      for (let i = from; i < to; i++) {
        rows[values] = i
        values += ((bitmap[(offset + i) >> 3] as number) >> ((offset + i) & 7)) & 1
      }
      if (values === count) this.#present.pushRun(1, count)
      else this.#present.pushBits(bitmap, offset + from, count)
    }
    this.statistics.values += values
    this.statistics.nulls += count - values
    if (values > 0) this.write(data, rows, values)
  }

  /** Ends the open row group: its index entry and statistics are kept. A group without rows is none. */
  endGroup(): void {
    for (const child of this.children) child.endGroup()
    this.#present.flushRun()
    this.flushData()
    this.groups.push({ present: this.#startPresent, data: this.#startData, statistics: this.statistics })
    this.statistics = this.newStatistics()
    this.begin()
  }

  /** Ends the stripe; `endGroup` was called. The object starts over for the next one. */
  finish(): FinishedColumn[] {
    this.#present.finish()
    const total = this.newStatistics()
    const encoding = this.finishData()
    for (const group of this.groups) total.merge(group.statistics)
    const nullable = total.nulls > 0
    const present = this.#presentOut.take()
    const streams: FinishedStream[] = nullable ? [{ kind: StreamKind.PRESENT, ...present }] : []
    for (const [kind, out] of encoding.streams) streams.push({ kind, ...out.take() })
    const entry = this.groups.map((group) => ({
      // Positions of a stream that is left out are left out as well.
      positions: [...(nullable ? group.present : []), ...group.data],
      statistics: { ...group.statistics.message() },
    }))
    const index = encodeMessage(RowIndex, { entry })
    this.groups.length = 0
    const own = { type: this.type, index, streams, encoding: encoding.encoding, statistics: total }
    this.begin()
    return [own, ...this.children.flatMap((child) => child.finish())]
  }

  /** Bytes that the open stripe holds. */
  get size(): number {
    return this.children.reduce((sum, child) => sum + child.size, this.#presentOut.size + this.dataSize())
  }

  newStatistics(): Statistics {
    return new Statistics(this.stated ? KINDS[this.type.kind] : 'none', this.type.scale)
  }

  /** The `count` values at `rows` (indexes into `data`, ascending), none of them null. */
  protected abstract write(data: Data, rows: Int32Array, count: number): void
  protected abstract flushData(): void
  protected abstract dataPosition(into: number[]): void
  protected abstract dataSize(): number
  protected abstract finishData(): {
    readonly streams: readonly (readonly [number, OutStream])[]
    readonly encoding: FinishedColumn['encoding']
  }

  #presentPosition(): number[] {
    const into: number[] = []
    this.#present.position(into)
    return into
  }
}

export const DIRECT = { kind: EncodingKind.DIRECT }
export const DIRECT_V2 = { kind: EncodingKind.DIRECT_V2 }

/** A batch that is not what its schema says. */
export function broken(type: OrcType, detail: string): ConnectorError {
  return new ConnectorError('INTERNAL', `Column "${type.path}" of the record batch: ${detail}`)
}

/** A value that ORC cannot hold; the value itself is not shown. */
export function badValue(type: OrcType, detail: string, cure: string): ConnectorError {
  return new ConnectorError('BAD_VALUE', `Column "${type.path}": ${detail}: ${cure}`)
}
