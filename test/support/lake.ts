/** Small parts for tests of the lake: an environment without a clock, schemas, file entries, positions. */
import { createHash } from 'node:crypto'
import type { Position, TableName, TableSchema } from '../../connectors/change.ts'
import type { Environment, ObjectStore } from '../../connectors/ports.ts'
import type { FileEntry } from '../../integrations/land/log/commit.ts'
import { baseKey, changesKey } from '../../integrations/land/log/keys.ts'
import { type CommitLog, openLog } from '../../integrations/land/log/log.ts'

/** Time advances by a second with each look; nobody sleeps; random numbers repeat for a seed. */
export function quietEnvironment(seed = 1): Environment & { readonly warnings: readonly string[] } {
  let time = Date.UTC(2026, 0, 1)
  let state = seed
  const warnings: string[] = []
  return {
    now: () => {
      time += 1000
      return new Date(time)
    },
    sleep: async (_ms, signal) => signal?.throwIfAborted(),
    random: () => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
      return state / 2 ** 32
    },
    log: (level, message) => {
      if (level === 'warn') warnings.push(message)
    },
    stateDir: '',
    warnings,
  }
}

export const LAKE = { prefix: 'raw', integration: 'loans' } as const
export const LOAN = 'public.loan' as TableName
export const NEVER = new AbortController().signal

export const at = (number: number): Position => `0001-${String(number).padStart(16, '0')}-00000000` as Position
export const rowAt = (number: number, ordinal: number): Position =>
  `0001-${String(number).padStart(16, '0')}-${String(ordinal).padStart(8, '0')}` as Position

let seeds = 0
export function openTestLog(store: ObjectStore, by = 'host:1', role: 'run' | 'maintenance' = 'run'): Promise<CommitLog> {
  return openLog({ store, ...LAKE, environment: quietEnvironment(++seeds * 7919), by, role, signal: NEVER })
}

export function loanSchema(version = 1, columns: readonly string[] = ['id', 'status']): TableSchema {
  return {
    table: LOAN,
    id: '16384',
    version,
    since: at(0),
    columns: columns.map((name, index) => ({
      id: index + 1,
      name,
      physical: name,
      type: name === 'id' ? { kind: 'int64' } : { kind: 'utf8', format: 'text' },
      sourceType: name === 'id' ? 'bigint' : 'text',
      nullable: name !== 'id',
    })),
    key: ['id'],
    identity: 'default',
  }
}

let parts = 0
/** An entry that names no real file. */
export function entry(log: Pick<CommitLog, 'state' | 'writer'>, part: 'base' | 'changes', from: number, to = from): FileEntry {
  const origin = { commit: log.state().number + 1, writer: log.writer, part: parts++, extension: 'parquet' }
  const key = part === 'base' ? baseKey(LAKE, LOAN, origin) : changesKey(LAKE, LOAN, '2026-01-01', origin)
  return {
    key,
    part,
    size: 10,
    sha256: createHash('sha256').update(key).digest('hex'),
    rows: 1,
    format: 'parquet',
    profile: 'lake',
    schemaVersion: 1,
    minPosition: part === 'base' ? at(from) : rowAt(from, 1),
    maxPosition: part === 'base' ? at(to) : rowAt(to, 1),
    columns: { id: { nulls: 0, min: '1', max: '9' } },
  }
}
