/** The only place that runs the driver: its commands and generated structures over our protocol and transport. */
import type { HiveDriver } from 'hive-driver'
import { MessageReader, MessageWriter, ThriftFormatError } from './binary-protocol.ts'

/** TCLIService as the driver offers it: one method per call. */
export type Service = HiveDriver

/** The driver's generated client: it writes into `output`, and is handed each answer by the name of its call. */
type Generated = {
  readonly _reqs: Record<number, (error: unknown, result?: unknown) => void>
  _seqid: number
} & Readonly<Record<`recv_${string}`, ((input: MessageReader, type: number, sequence: number) => void) | undefined>>

/**
 * A service whose messages go through `exchange`. One call at a time: the caller waits for each. Rejects with what `exchange`
 * rejects with, `ThriftFormatError` for an answer that is none, or the server's own exception.
 */
export async function serviceOver(exchange: (message: Buffer) => Promise<Buffer>): Promise<Service> {
  const { HiveDriver, thrift } = await import('hive-driver')
  const output = {
    message: Buffer.alloc(0),
    flush: (): void => {
      const sequence = client._seqid
      exchange(output.message).then(
        (answer) => {
          try {
            receive(answer, sequence)
          } catch (error) {
            fail(sequence, error)
          }
        },
        (error) => fail(sequence, error),
      )
    },
  }
  const client = new thrift.TCLIService.Client(output, MessageWriter) as Generated

  function fail(sequence: number, error: unknown): void {
    const callback = client._reqs[sequence]
    delete client._reqs[sequence]
    callback?.(asError(error))
  }

  function receive(answer: Buffer, sequence: number): void {
    const reader = new MessageReader(answer)
    const { fname, mtype, rseqid } = reader.readMessageBegin()
    const receiver = client[`recv_${fname}`]
    if (receiver === undefined || rseqid !== sequence) throw new ThriftFormatError('the answer belongs to another call')
    // The generated code forgets the callback before it parses: kept here, or a broken answer would settle nothing.
    const callback = client._reqs[sequence]
    try {
      receiver.call(client, reader, mtype, rseqid)
    } catch (error) {
      callback?.(asError(error))
    }
  }

  return new HiveDriver(thrift.TCLIService_types, client as unknown as ConstructorParameters<typeof HiveDriver>[1])
}

/** The generated code rejects with bare strings too, and with its own exceptions that carry a message only. */
function asError(error: unknown): Error {
  if (error instanceof Error) return error
  const message = typeof error === 'object' && error !== null ? (error as { readonly message?: unknown }).message : error
  return new Error(String(message ?? 'the server answered without a reason'))
}
