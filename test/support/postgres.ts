/**
 * Real PostgreSQL servers for tests. `sharedPostgres()` is one server per vitest run with a fresh database per test;
 * `startTestPostgres()` a server of one's own, for restarts, settings and crashes. The everyday suite uses the embedded
 * server; `PORTAGE_TEST_POSTGRES_BIN` names the program directory of another one (the service suite sets it).
 */
import { randomBytes } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import { inject } from 'vitest'
import type { PostgresOptions, PostgresServer } from '../../orchestration/dev/embedded-postgres.ts'
import { startTestServer } from './test-server.ts'

export type Database = AsyncDisposable & {
  readonly name: string
  readonly url: string
  /** An open connection as superuser; closed on disposal. */
  readonly client: pg.Client
  /** Rows of one statement through `client`. */
  query<Row extends pg.QueryResultRow = Record<string, unknown>>(sql: string, values?: readonly unknown[]): Promise<Row[]>
  /** One more connection; closed on disposal. */
  connect(): Promise<pg.Client>
}

export type TestPostgres = {
  readonly url: string
  readonly host: string
  readonly port: number
  readonly user: string
  readonly password: string
  /** A fresh, empty database; disposal ends its sessions, drops its slots and drops it. */
  createDatabase(): Promise<Database>
}

/** A server of one's own with `createDatabase`; its data vanish with it. */
export async function startTestPostgres(options: PostgresOptions = {}): Promise<PostgresServer & TestPostgres> {
  const server = await startTestServer(options)
  return Object.assign(server, { createDatabase: () => createDatabase(server.url) })
}

/** The server of this vitest run, started at the first call (by `global-setup.ts`) and stopped after the last test file. */
export async function sharedPostgres(): Promise<TestPostgres> {
  const response = await fetch(inject('sharedPostgres'))
  if (!response.ok) throw new Error(`The shared PostgreSQL server did not start: ${await response.text()}`)
  const server = (await response.json()) as Omit<TestPostgres, 'createDatabase'>
  return { ...server, createDatabase: () => createDatabase(server.url) }
}

async function createDatabase(serverUrl: string): Promise<Database> {
  const name = `t_${randomBytes(6).toString('hex')}`
  await using admin = await connected(serverUrl)
  await admin.client.query(`create database ${name}`)
  const url = new URL(serverUrl)
  url.pathname = `/${name}`
  const clients: pg.Client[] = []
  const connect = async () => {
    const { client } = await connected(url.href)
    clients.push(client)
    return client
  }
  const client = await connect()
  return {
    name,
    url: url.href,
    client,
    connect,
    query: async <Row extends pg.QueryResultRow>(sql: string, values: readonly unknown[] = []) =>
      (await client.query<Row>(sql, [...values])).rows,
    async [Symbol.asyncDispose]() {
      await Promise.all(clients.map((each) => each.end().catch(() => undefined)))
      await dropDatabase(serverUrl, name)
    },
  }
}

/** A database with replication slots cannot be dropped, and a slot in use cannot either. */
async function dropDatabase(serverUrl: string, name: string): Promise<void> {
  await using admin = await connected(serverUrl)
  const deadline = Date.now() + 10_000
  for (;;) {
    const { rows } = await admin.client.query<{ slot_name: string; active: boolean }>(
      'select slot_name, active, pg_terminate_backend(active_pid) from pg_replication_slots where database = $1',
      [name],
    )
    for (const { slot_name, active } of rows) {
      if (!active) await admin.client.query('select pg_drop_replication_slot($1)', [slot_name])
    }
    if (rows.every(({ active }) => !active)) break
    if (Date.now() > deadline) throw new Error(`Replication slots of "${name}" stay in use`)
    await delay(10)
  }
  await admin.client.query(`drop database ${name} with (force)`)
}

async function connected(url: string): Promise<AsyncDisposable & { client: pg.Client }> {
  const client = new pg.Client({ connectionString: url })
  // Tests stop servers under open connections; a test that cares listens itself.
  client.on('error', () => undefined)
  await client.connect()
  return { client, [Symbol.asyncDispose]: () => client.end() }
}
