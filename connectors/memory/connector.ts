/** Connector `memory`: every role inside this process, for tests and trials. Nothing outlives the process. */
import { z } from 'zod'
import type { Connector, Environment, Notice, ObjectStore, OnlineEntry } from '../ports.ts'
import { MemoryDatabase } from './database.ts'
import { openMemoryNotifier } from './notifier.ts'
import { openMemoryOnlineStore } from './online-store.ts'
import { createMemorySource } from './source.ts'
import { openMemoryStore } from './store.ts'

const options = z.strictObject({
  name: z
    .string()
    .min(1)
    .optional()
    .describe('Connections of one process with the same name share what they hold. Default: memory.'),
})

export type MemoryOptions = z.infer<typeof options>

export type MemoryServer = {
  readonly database: MemoryDatabase
  readonly store: ObjectStore
  readonly notices: Notice[]
  readonly entries: Map<string, OnlineEntry>
}

const servers = new Map<string, MemoryServer>()

/** What connections of that name share; made at the first call. */
export function memoryServer(name = 'memory', environment: Pick<Environment, 'now'> = { now: () => new Date() }): MemoryServer {
  const found = servers.get(name)
  if (found !== undefined) return found
  const server = {
    database: new MemoryDatabase(environment),
    store: openMemoryStore(environment),
    notices: [],
    entries: new Map<string, OnlineEntry>(),
  }
  servers.set(name, server)
  return server
}

export const memory: Connector<MemoryOptions> = {
  name: 'memory',
  options,
  openSource: async ({ name }, scope, environment) =>
    createMemorySource({ database: memoryServer(name, environment).database, scope, environment }),
  openStore: async ({ name }, environment) => memoryServer(name, environment).store,
  openNotifier: async ({ name }, environment) => openMemoryNotifier(memoryServer(name, environment).notices),
  openOnlineStore: async ({ name }, environment) => openMemoryOnlineStore(environment, memoryServer(name, environment).entries),
}
