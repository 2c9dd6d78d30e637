/** The life of a file's writer: after an error, or the end, nothing more can be written. */
import { ConnectorError } from '../../connectors/errors.ts'

export class WriterSteps {
  readonly #format: string
  #state: 'open' | 'finished' | 'failed' = 'open'

  /** `format`: for messages. */
  constructor(format: string) {
    this.#format = format
  }

  /** Throws `INTERNAL` once a step has failed or the file is finished. */
  async run<T>(step: () => Promise<T>): Promise<T> {
    if (this.#state !== 'open') {
      throw new ConnectorError('INTERNAL', `${this.#format} writer is ${this.#state} and cannot be continued: begin a new file`)
    }
    try {
      return await step()
    } catch (error) {
      this.#state = 'failed'
      throw error
    }
  }

  /** The last step of all. */
  async finish<T>(step: () => Promise<T>): Promise<T> {
    const result = await this.run(step)
    this.#state = 'finished'
    return result
  }
}
