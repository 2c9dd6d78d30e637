/** Writers that never rest: transactions of every kind against a real server, with an insert-only ledger of what they committed. */
import pg from 'pg'

export const SCHEMA = /* sql */ `
  create table account (id bigint primary key, owner text not null, balance numeric(14,2), note text, changed_at timestamptz not null default now());
  create table ledger (id bigint generated always as identity primary key, account bigint not null, amount numeric(14,2) not null, at timestamptz not null default clock_timestamp());
  create table mark (x int, label text);
  alter table mark replica identity full;
  alter table account alter column note set storage external;`

export async function fill(client: pg.Client, rows: number): Promise<void> {
  await client.query(
    /* sql */ `insert into account
      select i, 'owner ' || i, (i % 100000)::numeric / 7, case when i % 50 = 0 then repeat(md5(i::text), 150) else md5(i::text) end
      from generate_series(1, $1::int) i`,
    [rows],
  )
  await client.query(/* sql */ `insert into mark select i % 1000, 'm' || i % 17 from generate_series(1, 50000) i`)
}

export interface WriteLoad extends AsyncDisposable {
  readonly transactions: number
  /** Settles when every writer has finished its transaction. */
  stop(): Promise<void>
}

/** Starts `writers` sessions; a failure of any rejects `stop`. */
export function startLoad(
  url: string,
  options: { readonly writers: number; readonly rows: number; readonly random: () => number },
): WriteLoad {
  const stopping = new AbortController()
  let transactions = 0
  const writer = async (): Promise<void> => {
    const client = new pg.Client({ connectionString: url })
    await client.connect()
    try {
      while (!stopping.signal.aborted) {
        await transaction(client, options)
        transactions++
      }
    } finally {
      await client.end()
    }
  }
  const running = Promise.all(Array.from({ length: options.writers }, writer))
  running.catch(() => undefined)
  const stop = async (): Promise<void> => {
    stopping.abort()
    await running
  }
  return {
    get transactions() {
      return transactions
    },
    stop,
    [Symbol.asyncDispose]: stop,
  }
}

async function transaction(
  client: pg.Client,
  { rows, random }: { readonly rows: number; readonly random: () => number },
): Promise<void> {
  const id = () => 1 + Math.floor(random() * rows * 1.05)
  const kind = random()
  await client.query('begin')
  try {
    const account = id()
    await client.query('insert into ledger (account, amount) values ($1, $2)', [account, (random() * 1000).toFixed(2)])
    if (kind < 0.5) await client.query('update account set balance = balance + 1, changed_at = now() where id = $1', [account])
    else if (kind < 0.6)
      await client.query('update account set note = repeat(md5($1::text), 150) where id = $1::bigint', [account])
    else if (kind < 0.7) await client.query('delete from account where id = $1', [account])
    else if (kind < 0.8) {
      await client.query(
        `insert into account (id, owner, balance) values ($1, 'new', 1) on conflict (id) do update set owner = 'again'`,
        [account],
      )
    } else if (kind < 0.85) {
      await client.query('update account set id = $2 where id = $1 and not exists (select from account where id = $2)', [
        account,
        id() + 10_000_000,
      ])
    } else if (kind < 0.9)
      await client.query('update mark set x = x + 1 where ctid in (select ctid from mark where x = $1 limit 3)', [account % 1000])
    else if (kind < 0.95)
      await client.query(`insert into mark select $1::int, 'bulk' from generate_series(1, 200)`, [account % 1000])
    else await client.query('delete from mark where ctid in (select ctid from mark where x = $1 limit 5)', [account % 1000])
    await client.query(kind > 0.98 ? 'rollback' : 'commit')
  } catch (error) {
    await client.query('rollback')
    // Two writers on one row may deadlock or meet a key that the other has just inserted: their business, not ours.
    const code = error instanceof pg.DatabaseError ? error.code : undefined
    if (code !== '40P01' && code !== '23505') throw error
  }
}
