/** The file's bytes in order, with the offset that a format's metadata needs, in writes that are not small. */
import type { FileSink } from './file-writer.ts'

/** Small parts wait until this much has come together: a file of few rows is one write. */
const WRITE_BYTES = 1024 * 1024

export class OffsetSink {
  readonly #sink: FileSink
  #waiting: Uint8Array[] = []
  #waitingBytes = 0
  /** Offset of the next byte, whether or not the ones before are written yet. */
  position = 0

  constructor(sink: FileSink) {
    this.#sink = sink
  }

  /** Bytes that are not written yet. */
  get waiting(): number {
    return this.#waitingBytes
  }

  /** Takes the parts over: they must not change afterwards. */
  async write(...parts: readonly Uint8Array[]): Promise<void> {
    for (const part of parts) {
      this.#waiting.push(part)
      this.#waitingBytes += part.length
      this.position += part.length
    }
    if (this.#waitingBytes >= WRITE_BYTES) await this.flush()
  }

  async flush(): Promise<void> {
    if (this.#waitingBytes === 0) return
    const [only] = this.#waiting
    const bytes = this.#waiting.length === 1 && only !== undefined ? only : Buffer.concat(this.#waiting, this.#waitingBytes)
    this.#waiting = []
    this.#waitingBytes = 0
    await this.#sink.write(bytes)
  }
}
