/** A PostgreSQL of its own with the payment table of 16 columns, and configurations of Portage for it. */
import { access, mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import pg from 'pg'
import type { PostgresServer } from '../../orchestration/dev/embedded-postgres.ts'
import { ROOT } from '../support/sources.ts'
import { startTestServer } from '../support/test-server.ts'

const DEBIAN_POSTGRES = '/usr/lib/postgresql/15/bin'

export type BenchServer = AsyncDisposable & {
  readonly server: PostgresServer
  readonly client: pg.Client
  /** Path of one of PostgreSQL's programs. */
  readonly program: (name: 'psql' | 'pg_recvlogical') => string
}

/** Needs PostgreSQL's own clients, which are the limit that we are measured against. */
export async function startBenchServer(): Promise<BenchServer> {
  const bin = process.env.PORTAGE_TEST_POSTGRES_BIN ?? DEBIAN_POSTGRES
  for (const name of ['psql', 'pg_recvlogical', 'postgres']) {
    await access(join(bin, name)).catch((cause) => {
      throw new Error(
        `"${name}" is not in "${bin}". Install postgresql-15 or name its directory with PORTAGE_TEST_POSTGRES_BIN`,
        { cause },
      )
    })
  }
  const server = await startTestServer({
    binDir: bin,
    settings: { shared_buffers: '1GB', max_wal_size: '16GB', autovacuum: 'off', checkpoint_timeout: '1h' },
  })
  const client = new pg.Client({ connectionString: server.url })
  await client.connect()
  return {
    server,
    client,
    program: (name) => join(bin, name),
    async [Symbol.asyncDispose]() {
      await client.end()
      await server.stop('immediate')
    },
  }
}

export const PAYMENT_DDL = /* sql */ `
  create table payment (
    id bigint primary key, loan_id bigint not null, client_id integer not null, reference uuid not null,
    principal numeric(12,2) not null, interest numeric(12,2) not null, fee numeric(10,4), status text not null,
    method varchar(20), due_date date not null, paid_at timestamptz, created_at timestamptz not null,
    updated_at timestamp, rate double precision, flagged boolean not null, note text)`

/** Rows `from` … `to`, a function of their number. */
export function paymentRows(from: number, to: number): string {
  return /* sql */ `
    insert into payment
    select n, n / 3, (n * 7919) % 114203, md5(n::text)::uuid, (n * 37 % 2000000) / 100.0, (n * 11 % 90000) / 100.0,
      case when n % 10 = 0 then null else (n % 99999) / 10000.0 end,
      (array['on_time', 'late', 'reversed'])[1 + n % 3], (array['card', 'transfer', 'direct debit', null])[1 + n % 4],
      date '2020-01-01' + (n % 2500)::int, case when n % 9 = 0 then null else timestamptz '2020-01-01' + n * interval '31 second' end,
      timestamptz '2020-01-01' + n * interval '29 second', timestamp '2021-01-01' + n * interval '1 second',
      n / 7.0::float8, n % 5 = 0, case when n % 20 = 0 then 'note about payment ' || n end
    from generate_series(${from}::bigint, ${to}::bigint) n`
}

export type BenchConfig = { readonly name: string; readonly args: readonly string[]; readonly dir: string }

/** A configuration with an empty lake; `args` go to every command. */
export async function benchConfig(name: string, url: string, readers: number): Promise<BenchConfig> {
  const dir = join(ROOT, '.portage', 'bench', name)
  await rm(dir, { recursive: true, force: true })
  await mkdir(join(dir, 'config', 'integrations'), { recursive: true })
  await writeFile(join(dir, 'config', 'url'), url, { mode: 0o600 })
  await writeFile(
    join(dir, 'config', 'connections.yaml'),
    `core: {connector: postgres, url: '\${file:url}'}\nlake: {connector: filesystem, path: ${JSON.stringify(join(dir, 'lake'))}}\n`,
  )
  await writeFile(
    join(dir, 'config', 'integrations', `${name}.yaml`),
    `name: ${name}\nsource: {connection: core, tables: [public.payment], readers: ${readers}}\nlake: {connection: lake}\n`,
  )
  return { name, dir, args: ['--config', join(dir, 'config'), '--state', join(dir, 'state')] }
}
