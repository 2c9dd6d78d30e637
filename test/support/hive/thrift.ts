/** Apache Thrift's own library and the driver's generated structures, untyped as they come: the fake's bytes are not our codec's. */
import { createRequire } from 'node:module'

export type Flushed = (bytes: Buffer) => void

/** One side of a protocol over a transport; only handed on. */
export type ThriftProtocol = { readonly flush: () => void }

type TransportClass = {
  new (buffer: undefined, onFlush: Flushed): object
  receiver(callback: (transport: Received) => void): (chunk: Buffer) => void
}

export type Received = { commitPosition(): void; rollbackPosition(): void }

type Library = {
  readonly TBinaryProtocol: new (transport: object) => ThriftProtocol
  readonly TBufferedTransport: TransportClass
  readonly TFramedTransport: TransportClass
}

/** Calls by name: request in, response out. */
export type Handler = Readonly<Record<string, (request: never) => Promise<object>>>

export type Done = (error: unknown, result?: object) => void

/** What the generated server calls: it looks at the number of parameters. */
export type CallbackHandler = Readonly<Record<string, (request: never, done: Done) => void>>

type Service = {
  readonly Processor: new (handler: CallbackHandler) => { process(input: ThriftProtocol, output: ThriftProtocol): void }
}

const require = createRequire(createRequire(import.meta.url).resolve('hive-driver'))

export const thrift = require('thrift') as Library
export const { TCLIService: service } = (require('hive-driver') as { readonly thrift: { readonly TCLIService: Service } }).thrift

/** Whether a parser only lacks bytes that are still to come. */
export const wantsMore = (error: unknown): boolean =>
  (error as { readonly constructor?: { readonly name?: string } }).constructor?.name === 'InputBufferUnderrunError'
