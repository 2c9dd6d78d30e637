/** The only place that runs the driver: its commands and generated structures over our protocol and transport. */
import type { HiveDriver } from 'hive-driver'
import { MessageReader, MessageWriter, ThriftFormatError } from './binary-protocol.ts'
import { ServerException } from './failure.ts'

/** `TMessageType`: 2 reply, 3 exception. */
const ANSWERS: ReadonlySet<number> = new Set([2, 3])

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
      const asked = new MessageReader(output.message).readMessageBegin().fname
      const settle = client._reqs[sequence]
      client._reqs[sequence] = (error, result) => settle?.(error ? asError(error) : null, result)
      exchange(output.message).then(
        (answer) => {
          try {
            receive(answer, sequence, asked)
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
    callback?.(error)
  }

  function receive(answer: Buffer, sequence: number, asked: string): void {
    const reader = new MessageReader(answer)
    const { fname, mtype, rseqid } = reader.readMessageBegin()
    const receiver = client[`recv_${asked}`]
    if (receiver === undefined || fname !== asked || rseqid !== sequence || !ANSWERS.has(mtype)) {
      throw new ThriftFormatError('the answer belongs to another call')
    }
    // The generated code forgets the callback before it parses: kept here, or a broken answer would settle nothing.
    const callback = client._reqs[sequence]
    try {
      receiver.call(client, reader, mtype, rseqid)
    } catch (error) {
      callback?.(error)
    }
  }

  return new HiveDriver(thrift.TCLIService_types, client as unknown as ConstructorParameters<typeof HiveDriver>[1])
}

/** The generated code rejects with a bare string where an answer holds nothing, and with the exceptions of Thrift's library. */
function asError(error: unknown): Error {
  if (typeof error === 'string') return new ThriftFormatError(error)
  const { name, message } = error as { readonly name?: unknown; readonly message?: unknown }
  if (name === 'TApplicationException') return new ServerException(String(message ?? 'no reason given').slice(0, MAX_REASON))
  return error instanceof Error ? error : new ThriftFormatError(String(message ?? 'an exception of another kind'))
}

const MAX_REASON = 200
