/** Structs, lists and maps while a stripe is written: children hold only what a parent that is not null has. */
import type { Data } from 'apache-arrow'
import { broken, ColumnWriter, DIRECT, DIRECT_V2, type WriterContext } from './column-writer.ts'
import { StreamKind } from './messages.ts'
import { OutStream } from './out-stream.ts'
import { IntegerEncoder } from './rle-v2-encoder.ts'
import type { OrcType } from './schema.ts'

export class StructWriter extends ColumnWriter {
  constructor(type: OrcType, context: WriterContext, children: readonly ColumnWriter[]) {
    super(type, context, children)
    this.begin()
  }

  protected write(data: Data, rows: Int32Array, count: number): void {
    for (const [i, child] of this.children.entries()) {
      const childData = data.children[i]
      if (childData === undefined) throw broken(this.type, `it has ${data.children.length} fields`)
      for (let start = 0; start < count; ) {
        const end = runEnd(rows, start, count)
        child.append(childData, rows[start] as number, (rows[end - 1] as number) + 1)
        start = end
      }
    }
  }

  protected flushData(): void {}
  protected dataPosition(): void {}

  protected dataSize(): number {
    return 0
  }

  protected finishData() {
    return { streams: [], encoding: DIRECT }
  }
}

/** list and map: a stream of lengths; a map's key and value columns are filled side by side. */
export class ListWriter extends ColumnWriter {
  readonly #out: OutStream
  readonly #lengths: IntegerEncoder

  constructor(type: OrcType, context: WriterContext, children: readonly ColumnWriter[]) {
    super(type, context, children)
    this.#out = new OutStream(context.compress)
    this.#lengths = new IntegerEncoder(this.#out, { signed: false })
    this.begin()
  }

  protected write(data: Data, rows: Int32Array, count: number): void {
    const offsets = data.valueOffsets as Int32Array
    const entries = data.children[0]
    // A map's one child is a struct of key and value.
    const targets = this.children.length === 1 ? [entries] : (entries?.children ?? [])
    let min = Number.POSITIVE_INFINITY
    let max = 0
    let sum = 0
    for (let i = 0; i < count; i++) {
      const row = rows[i] as number
      const length = (offsets[row + 1] as number) - (offsets[row] as number)
      this.#lengths.push(length)
      if (length < min) min = length
      if (length > max) max = length
      sum += length
    }
    if (this.stated) {
      this.statistics.bound(min, max)
      this.statistics.sum += BigInt(sum)
    }
    for (let start = 0; start < count; ) {
      const end = runEnd(rows, start, count)
      const from = offsets[rows[start] as number] as number
      const to = offsets[(rows[end - 1] as number) + 1] as number
      if (from < to) {
        for (const [i, child] of this.children.entries()) {
          const childData = targets[i]
          if (childData === undefined) throw broken(this.type, 'its entries have too few fields')
          child.append(childData, from, to)
        }
      }
      start = end
    }
  }

  protected flushData(): void {
    this.#lengths.flush()
  }

  protected dataPosition(into: number[]): void {
    this.#lengths.position(into)
  }

  protected dataSize(): number {
    return this.#out.size
  }

  protected finishData() {
    return { streams: [[StreamKind.LENGTH, this.#out]] as const, encoding: DIRECT_V2 }
  }
}

/** End of the run of consecutive rows that starts at `start`. */
function runEnd(rows: Int32Array, start: number, count: number): number {
  const first = rows[start] as number
  if (rows[count - 1] === first + count - 1 - start) return count
  let end = start + 1
  while (end < count && rows[end] === first + end - start) end++
  return end
}
