/** A PostgreSQL database as a place of tables that are read and written as a whole. */
import { createBufferPool } from '../../buffer-pool.ts'
import type { Tables } from '../../tables.ts'
import type { PostgresOptions } from '../options.ts'
import { Sessions } from '../sessions.ts'
import { openReader } from './reader.ts'
import { listRelations, naturalPlan, readRelation, typesOf } from './relation.ts'
import { openWriter } from './writer.ts'

const POOL_BYTES = 24 * 1024 ** 2

/** Nothing is connected before the first call. Readers and writers have sessions of their own, until they are disposed. */
export function openPostgresTables(options: PostgresOptions): Tables {
  const sessions = new Sessions(options, 'transfer')
  const pool = createBufferPool({ maxIdleBytes: POOL_BYTES })
  return {
    kind: 'postgres',
    list: async (signal) => {
      await using session = await sessions.acquire(signal)
      return await listRelations(session)
    },
    describe: async (table, signal) => {
      await using session = await sessions.acquire(signal)
      const relation = await readRelation(session, table)
      if (relation === null) return null
      const types = await typesOf(
        session,
        relation.columns.map(({ typeOid }) => typeOid),
      )
      return relation.columns.map((column, index) => {
        const { type, sourceType, nullable } = naturalPlan(table.name, column, index + 1, types, 'error').column
        return { name: column.name, type, sourceType, nullable }
      })
    },
    openReader: (request, signal) => openReader({ sessions, pool }, request, signal),
    openWriter: (request, signal) => openWriter(options, request, signal),
    [Symbol.asyncDispose]: () => sessions[Symbol.asyncDispose](),
  }
}
