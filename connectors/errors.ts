/**
 * Errors of everything that touches the outside world. Each code has exactly one recovery; only `orchestration/retry.ts`
 * acts on it. The message: subject first, object quoted, expected and found, then the cure.
 */

/** `retry`: again after a pause. `operator`: a person must act; the message says how. `developer`: a defect of ours. */
export type Recovery = 'retry' | 'operator' | 'developer'

const CODES = {
  /** The server could not be reached or dropped the connection. Check host, port, firewall; we try again. */
  CONNECTION: 'retry',
  /** No answer within the deadline. */
  TIMEOUT: 'retry',
  /** The service asked us to slow down. */
  THROTTLED: 'retry',
  /** The server is starting up, shutting down or failing over. */
  UNAVAILABLE: 'retry',
  /** Wrong user, password, certificate or token: correct the connection in config/connections.yaml. */
  AUTHENTICATION: 'operator',
  /** A privilege is missing: the message holds the GRANT to run. */
  PRIVILEGE: 'operator',
  /** The TLS certificate could not be verified. */
  TLS: 'operator',
  /** The configuration is wrong: each problem is listed as `file:line path: problem`. */
  CONFIGURATION: 'operator',
  /** Something named by the configuration is not there (table, publication, bucket, file). */
  NOT_FOUND: 'operator',
  /** The source is not set up for this (wal_level, version, replica identity, spare slots). */
  SOURCE_SETUP: 'operator',
  /** The slot is gone or was invalidated; changes since the last commit are lost to it: run `portage resync`. */
  SLOT_LOST: 'operator',
  /** The slot was advanced beyond the newest commit by someone else: run `portage resync`. */
  SLOT_AHEAD: 'operator',
  /** Another process holds the slot. */
  SLOT_IN_USE: 'operator',
  /** The server is another one, or was restored: its log cannot be continued. Run `portage resync`. */
  SOURCE_CHANGED: 'operator',
  /** A table's rows were rewritten under a running snapshot; the table starts over. */
  TABLE_REWRITTEN: 'retry',
  /** An exported snapshot is gone (its session ended); chunks continue under a new one. */
  SNAPSHOT_GONE: 'retry',
  /** A value cannot be held by the target type: choose a policy with `on_bad_value`. */
  BAD_VALUE: 'operator',
  /** A schema cannot be carried as it is (reserved or colliding column names, ambiguous change). */
  SCHEMA: 'operator',
  /** The commit log names another writer: this process must stop and has acknowledged nothing. */
  FENCED: 'operator',
  /** The commit log needs a newer Portage. */
  PROTOCOL: 'operator',
  /** Bytes in the lake differ from what the log says, or a log entry cannot be read. */
  CORRUPT: 'operator',
  /** The disk, bucket or quota is full. Everything committed is kept; free space and run again. */
  FULL: 'operator',
  /** The store refused a write or delete for a reason that is not passing. */
  STORE: 'operator',
  /** A statement was refused by the target; its message is the cause. */
  STATEMENT: 'operator',
  /** A file is not of the format expected, or is damaged. */
  FORMAT: 'operator',
  /** The data that arrived differs from what was sent. */
  PROOF: 'operator',
  /** The connector lacks a capability that was asked for. */
  UNSUPPORTED: 'operator',
  /** The run was asked to stop. */
  ABORTED: 'operator',
  /** A peer broke its protocol, or we did. */
  INTERNAL: 'developer',
} as const satisfies Record<string, Recovery>

export type ErrorCode = keyof typeof CODES

/** An error of a connector or of what moves data through one. Never carries a row value, a secret or a URL with credentials. */
export class ConnectorError extends Error {
  readonly code: ErrorCode
  override readonly name = 'ConnectorError'

  constructor(code: ErrorCode, message: string, options?: { readonly cause?: unknown }) {
    super(message, options)
    this.code = code
  }

  get recovery(): Recovery {
    return CODES[this.code]
  }
}

export function recoveryOf(error: unknown): Recovery {
  return error instanceof ConnectorError ? error.recovery : 'developer'
}

export const ERROR_CODES: Readonly<Record<ErrorCode, Recovery>> = CODES
