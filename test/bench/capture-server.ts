/** A PostgreSQL with its own client programs and a payment table, for benches that need psql and pg_recvlogical as the limit. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { access } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import { type PostgresServer, startPostgres } from '../../orchestration/dev/embedded-postgres.ts'
import type { CaptureJob, Measured } from './capture-child.ts'

const BIN = process.env.PORTAGE_TEST_POSTGRES_BIN ?? '/usr/lib/postgresql/15/bin'

export const PAYMENT = /* sql */ `
  create table payment (
    id bigint primary key, loan_id bigint not null, client_id integer not null, status text not null, method text not null,
    amount numeric(12,2) not null, interest numeric(12,2) not null, fee numeric(10,4), currency char(3) not null,
    paid_at timestamptz not null, booked_on date not null, created_at timestamp not null, score double precision,
    attempts smallint not null, is_final boolean not null, reference uuid not null)`

export const PAYMENT_ROWS = /* sql */ `
  insert into payment
  select i, i / 3, (i * 7919) % 100000, (array['on_time','late','reversed'])[1 + i % 3], (array['card','transfer','direct debit'])[1 + i % 3],
    (i % 100000)::numeric / 100, (i % 5000)::numeric / 100, case when i % 5 = 0 then null else (i % 1000)::numeric / 10000 end, 'EUR',
    timestamptz '2024-01-01' + i * interval '13 seconds', date '2024-01-01' + (i % 700)::int, timestamp '2024-01-01' + i * interval '17 seconds',
    case when i % 7 = 0 then null else sqrt(i) end, i % 5, i % 2 = 0, md5(i::text)::uuid
  from generate_series($1::bigint, $2::bigint) i`

export type BenchServer = PostgresServer & { readonly client: pg.Client }

/** Durability off on both sides of the comparison: the disk is not what is measured. */
export async function startBenchServer(): Promise<BenchServer> {
  for (const program of ['psql', 'pg_recvlogical']) {
    await access(join(BIN, program)).catch((cause) => {
      throw new Error(
        `"${program}" is not in "${BIN}". Install the PostgreSQL client programs, or name their directory with PORTAGE_TEST_POSTGRES_BIN`,
        { cause },
      )
    })
  }
  const server = await startPostgres({
    binDir: BIN,
    settings: {
      fsync: 'off',
      full_page_writes: 'off',
      max_wal_size: '8GB',
      shared_buffers: '512MB',
      autovacuum: 'off',
      wal_sender_timeout: '0',
    },
  })
  const client = new pg.Client({ connectionString: server.url })
  await client.connect()
  return Object.assign(server, {
    client,
    async [Symbol.asyncDispose]() {
      await client.end()
      await server.stop()
    },
  })
}

/** Seconds of one PostgreSQL program with its output thrown away. */
export async function timeProgram(server: PostgresServer, program: string, args: readonly string[]): Promise<number> {
  const started = performance.now()
  const child = spawn(join(BIN, program), args, {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: {
      ...process.env,
      PGPASSWORD: server.password,
      PGHOST: server.host,
      PGPORT: String(server.port),
      PGUSER: server.user,
      PGDATABASE: server.database,
    },
  })
  const [code] = (await once(child, 'close')) as [number]
  if (code !== 0) throw new Error(`${program} ended with ${code}`)
  return (performance.now() - started) / 1000
}

/** `onCurrent` is called when a run with `untilRows` has caught up. */
export async function measureCapture(job: CaptureJob, onCurrent?: () => void): Promise<Measured> {
  const child = spawn(process.execPath, [fileURLToPath(new URL('capture-child.ts', import.meta.url)), JSON.stringify(job)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const out: Buffer[] = []
  child.stdout.on('data', (data: Buffer) => {
    out.push(data)
    if (data.includes('current')) onCurrent?.()
  })
  const [code] = (await once(child, 'close')) as [number]
  if (code !== 0) throw new Error(`The measured run ended with ${code}`)
  const [line = ''] = Buffer.concat(out).toString().trim().split('\n').slice(-1)
  return JSON.parse(line) as Measured
}

export const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN
