/**
 * Messages of the logical replication output plugin `pgoutput`, protocol versions 1 and 2 (PostgreSQL documentation,
 * "Logical Replication Message Formats"). Tuples stay views into the message.
 */
import type { Tuple } from './tuple.ts'

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

/** Signature of `createPgoutputParser` in this file. */
export type CreatePgoutputParser = () => PgoutputParser
