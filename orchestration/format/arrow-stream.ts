/** Record batches as the bytes of an Arrow IPC stream, handed out batch by batch. */
import { type RecordBatch, RecordBatchStreamWriter, type Schema } from 'apache-arrow'

/**
 * Apache Arrow's own writer queues bytes without bound and loses an error of its input; this one gives back what each call
 * made. The schema comes first, also when no batch follows.
 */
export class ArrowStreamEncoder extends RecordBatchStreamWriter {
  #parts: Uint8Array[] = []

  constructor(schema: Schema) {
    super({ autoDestroy: false })
    this.reset(undefined, schema)
  }

  /** Bytes since the last call. */
  encode(batch: RecordBatch): Uint8Array {
    this.write(batch)
    return this.#take()
  }

  /** The last bytes, end of stream included. */
  end(): Uint8Array {
    this.close()
    return this.#take()
  }

  // The base class calls this for each piece it makes; buffers of a batch are copied before the batch is let go.
  protected override _write(chunk: Parameters<RecordBatchStreamWriter['_write']>[0]): this {
    if (!ArrayBuffer.isView(chunk)) throw new TypeError('expected a view of bytes')
    if (chunk.byteLength > 0) {
      this.#parts.push(new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength))
      this._position += chunk.byteLength
    }
    return this
  }

  #take(): Uint8Array {
    const bytes = Buffer.concat(this.#parts)
    this.#parts = []
    return bytes
  }
}
