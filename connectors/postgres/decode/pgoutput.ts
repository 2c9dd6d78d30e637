/**
 * Messages of the logical replication output plugin `pgoutput`, protocol versions 1 and 2 (PostgreSQL documentation,
 * "Logical Replication Message Formats"). Tuples stay views into the message.
 */
import { ConnectorError } from '../../errors.ts'
import { type Bytes, bytesOf } from './bytes.ts'
import { POSTGRES_EPOCH_US } from './calendar.ts'
import { COLUMN_KIND, type Tuple } from './tuple.ts'

export type RelationColumn = {
  readonly name: string
  readonly typeOid: number
  readonly typmod: number
  /** Part of the replica identity. With identity full every column is. */
  readonly key: boolean
}

export type Relation = {
  readonly oid: number
  /** `pg_catalog` arrives as the empty string and is named here. */
  readonly schema: string
  readonly name: string
  readonly identity: 'default' | 'index' | 'full' | 'nothing'
  readonly columns: readonly RelationColumn[]
}

/** `xid` is present inside streamed blocks (protocol 2), 0 otherwise. Times: microseconds since 1970, UTC. */
export type PgoutputMessage =
  | { readonly tag: 'begin'; readonly finalLsn: bigint; readonly committedAtUs: bigint; readonly xid: number }
  | { readonly tag: 'commit'; readonly commitLsn: bigint; readonly endLsn: bigint; readonly committedAtUs: bigint }
  | { readonly tag: 'origin'; readonly commitLsn: bigint; readonly name: string }
  | { readonly tag: 'relation'; readonly xid: number; readonly relation: Relation }
  | { readonly tag: 'type'; readonly xid: number; readonly oid: number; readonly schema: string; readonly name: string }
  | { readonly tag: 'insert'; readonly xid: number; readonly relationOid: number; readonly tuple: Tuple }
  | {
      readonly tag: 'update'
      readonly xid: number
      readonly relationOid: number
      /** `key`: the key changed (or, for an external key value, was logged); `full`: the whole old row. */
      readonly oldKind: 'key' | 'full' | null
      readonly old: Tuple | null
      readonly tuple: Tuple
    }
  | {
      readonly tag: 'delete'
      readonly xid: number
      readonly relationOid: number
      readonly oldKind: 'key' | 'full'
      readonly old: Tuple
    }
  | {
      readonly tag: 'truncate'
      readonly xid: number
      readonly relationOids: readonly number[]
      readonly cascade: boolean
      readonly restartIdentity: boolean
    }
  | {
      readonly tag: 'message'
      readonly xid: number
      readonly transactional: boolean
      readonly lsn: bigint
      readonly prefix: string
      readonly content: Uint8Array
    }
  | { readonly tag: 'streamStart'; readonly xid: number; readonly first: boolean }
  | { readonly tag: 'streamStop' }
  | {
      readonly tag: 'streamCommit'
      readonly xid: number
      readonly commitLsn: bigint
      readonly endLsn: bigint
      readonly committedAtUs: bigint
    }
  | { readonly tag: 'streamAbort'; readonly xid: number; readonly subXid: number }

/** Keeps whether it is inside a streamed block (protocol 2); otherwise stateless. */
export interface PgoutputParser {
  /** One message: the payload of an XLogData message behind its 25-byte header, or one `data` of the SQL functions. Throws `INTERNAL` for unknown bytes. */
  parse(message: Uint8Array): PgoutputMessage
}

/** A parser for one stream. */
export function createPgoutputParser(): PgoutputParser {
  let streamed = false
  return {
    parse(message) {
      const reader = new Reader(bytesOf(message))
      try {
        const parsed = parseMessage(reader, streamed)
        if (parsed.tag === 'streamStart') streamed = true
        else if (parsed.tag === 'streamStop') streamed = false
        return parsed
      } catch (cause) {
        if (cause instanceof RangeError) {
          throw new ConnectorError('INTERNAL', `pgoutput message of ${message.length} bytes ends in the middle of a field`, {
            cause,
          })
        }
        throw cause
      }
    },
  }
}

const IDENTITIES: Readonly<Record<string, Relation['identity']>> = { d: 'default', i: 'index', f: 'full', n: 'nothing' }

function parseMessage(reader: Reader, streamed: boolean): PgoutputMessage {
  const tag = reader.char()
  switch (tag) {
    case 'B':
      return { tag: 'begin', finalLsn: reader.uint64(), committedAtUs: reader.time(), xid: reader.uint32() }
    case 'C':
      reader.uint8()
      return { tag: 'commit', commitLsn: reader.uint64(), endLsn: reader.uint64(), committedAtUs: reader.time() }
    case 'O':
      return { tag: 'origin', commitLsn: reader.uint64(), name: reader.text() }
    case 'R':
      return { tag: 'relation', xid: streamed ? reader.uint32() : 0, relation: relation(reader) }
    case 'Y':
      return {
        tag: 'type',
        xid: streamed ? reader.uint32() : 0,
        oid: reader.uint32(),
        schema: schemaName(reader),
        name: reader.text(),
      }
    case 'I':
      return { tag: 'insert', xid: streamed ? reader.uint32() : 0, relationOid: reader.uint32(), tuple: expectTuple(reader, 'N') }
    case 'U':
      return update(reader, streamed ? reader.uint32() : 0)
    case 'D':
      return remove(reader, streamed ? reader.uint32() : 0)
    case 'T':
      return truncate(reader, streamed ? reader.uint32() : 0)
    case 'M':
      return logicalMessage(reader, streamed ? reader.uint32() : 0)
    case 'S':
      return { tag: 'streamStart', xid: reader.uint32(), first: reader.uint8() === 1 }
    case 'E':
      return { tag: 'streamStop' }
    case 'c': {
      const xid = reader.uint32()
      reader.uint8()
      return { tag: 'streamCommit', xid, commitLsn: reader.uint64(), endLsn: reader.uint64(), committedAtUs: reader.time() }
    }
    case 'A':
      return { tag: 'streamAbort', xid: reader.uint32(), subXid: reader.uint32() }
    default:
      throw new ConnectorError(
        'INTERNAL',
        `pgoutput sent a message of the unknown kind "${tag}"; protocol versions 1 and 2 are understood`,
      )
  }
}

// The server sends an empty name for pg_catalog.
const schemaName = (reader: Reader): string => reader.text() || 'pg_catalog'

function relation(reader: Reader): Relation {
  const oid = reader.uint32()
  const schema = schemaName(reader)
  const name = reader.text()
  const letter = reader.char()
  const identity = IDENTITIES[letter]
  if (identity === undefined) throw new ConnectorError('INTERNAL', `pgoutput names an unknown replica identity "${letter}"`)
  const count = reader.uint16()
  const columns: RelationColumn[] = []
  for (let i = 0; i < count; i++) {
    const flags = reader.uint8()
    columns.push({ key: (flags & 1) === 1, name: reader.text(), typeOid: reader.uint32(), typmod: reader.int32() })
  }
  return { oid, schema, name, identity, columns }
}

function update(reader: Reader, xid: number): PgoutputMessage {
  const relationOid = reader.uint32()
  const kind = reader.char()
  if (kind === 'N') return { tag: 'update', xid, relationOid, oldKind: null, old: null, tuple: reader.tuple() }
  const oldKind = oldKindOf(kind)
  return { tag: 'update', xid, relationOid, oldKind, old: reader.tuple(), tuple: expectTuple(reader, 'N') }
}

function remove(reader: Reader, xid: number): PgoutputMessage {
  const relationOid = reader.uint32()
  return { tag: 'delete', xid, relationOid, oldKind: oldKindOf(reader.char()), old: reader.tuple() }
}

function oldKindOf(letter: string): 'key' | 'full' {
  if (letter === 'K') return 'key'
  if (letter === 'O') return 'full'
  throw new ConnectorError('INTERNAL', `pgoutput sent a tuple of the unknown kind "${letter}"`)
}

function expectTuple(reader: Reader, kind: string): Tuple {
  const found = reader.char()
  if (found !== kind)
    throw new ConnectorError('INTERNAL', `pgoutput sent a tuple of kind "${found}" where "${kind}" was expected`)
  return reader.tuple()
}

function truncate(reader: Reader, xid: number): PgoutputMessage {
  const count = reader.uint32()
  const options = reader.uint8()
  const relationOids: number[] = []
  for (let i = 0; i < count; i++) relationOids.push(reader.uint32())
  return { tag: 'truncate', xid, relationOids, cascade: (options & 1) !== 0, restartIdentity: (options & 2) !== 0 }
}

function logicalMessage(reader: Reader, xid: number): PgoutputMessage {
  const transactional = (reader.uint8() & 1) === 1
  const lsn = reader.uint64()
  const prefix = reader.text()
  return { tag: 'message', xid, transactional, lsn, prefix, content: reader.content(reader.uint32()) }
}

class Reader {
  readonly #bytes: Bytes
  #at = 0

  constructor(bytes: Bytes) {
    this.#bytes = bytes
  }

  char(): string {
    return String.fromCharCode(this.uint8())
  }

  uint8(): number {
    return this.#bytes.view.getUint8(this.#at++)
  }

  uint16(): number {
    this.#at += 2
    return this.#bytes.view.getUint16(this.#at - 2)
  }

  uint32(): number {
    this.#at += 4
    return this.#bytes.view.getUint32(this.#at - 4)
  }

  int32(): number {
    this.#at += 4
    return this.#bytes.view.getInt32(this.#at - 4)
  }

  uint64(): bigint {
    this.#at += 8
    return this.#bytes.view.getBigUint64(this.#at - 8)
  }

  /** Microseconds since 1970 from the wire's microseconds since 2000. */
  time(): bigint {
    this.#at += 8
    return this.#bytes.view.getBigInt64(this.#at - 8) + POSTGRES_EPOCH_US
  }

  /** Up to the terminating zero byte. */
  text(): string {
    const end = this.#bytes.buffer.indexOf(0, this.#at)
    if (end < 0) throw new RangeError('unterminated string')
    const text = this.#bytes.buffer.toString('utf8', this.#at, end)
    this.#at = end + 1
    return text
  }

  content(length: number): Uint8Array {
    const end = this.#at + length
    if (end > this.#bytes.buffer.length) throw new RangeError('content beyond the message')
    const content = this.#bytes.buffer.subarray(this.#at, end)
    this.#at = end
    return content
  }

  /** Skips over a tuple and returns it as a view. */
  tuple(): Tuple {
    const { view } = this.#bytes
    const columns = this.uint16()
    const start = this.#at
    let at = start
    for (let i = 0; i < columns; i++) {
      const kind = view.getUint8(at++)
      if (kind === COLUMN_KIND.text || kind === COLUMN_KIND.binary) at += 4 + view.getUint32(at)
      else if (kind !== COLUMN_KIND.null && kind !== COLUMN_KIND.unchanged) {
        throw new ConnectorError('INTERNAL', `pgoutput sent a column of the unknown kind ${kind}`)
      }
    }
    if (at > view.byteLength) throw new RangeError('tuple beyond the message')
    this.#at = at
    return { bytes: this.#bytes, start, end: at, columns }
  }
}
