/**
 * The ten-minute story: a loan book in PostgreSQL, its lake in a directory, its tables in DuckDB, through the command line only.
 * `npm run story` prints each step with its checks, and ends with 1 at the first wrong answer.
 */
import { cp, mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { damageOneValue } from './story-damage.ts'
import { type Answer, check, eventually, openStage, type Running, type Stage, say, shows, WrongAnswer } from './story-stage.ts'

const BOOK = /* sql */ `create table client (id int8 primary key, name text not null, city text);
  create table loan (id int8 primary key, client int8, status text, amount numeric(12,2), note text);
  create table payment (id int8 primary key, loan int8, amount numeric(12,2));
  alter table loan alter column note set storage external;
  insert into client select i, 'client number ' || i, (array['Aarhus', 'Bergen', 'Cork'])[i % 3 + 1] from generate_series(1, 300) i;
  insert into loan select i, i % 300 + 1, 'open', i * 1.25, 'note ' || i from generate_series(1, 1000) i;
  update loan set note = (select string_agg(md5(i::text), '') from generate_series(1, 5000) i) where id = 1;
  insert into payment select i, i % 1000 + 1, 0.5 from generate_series(1, 2000) i`

/** What each table holds, as both sides say it. */
const LOANS = `select id, client, state, amount, md5(note), length(note) from`
const PAYMENTS = 'select id, loan, amount from'
const CLIENTS = 'select id, name, city from'

async function story(stage: Stage): Promise<void> {
  const home = join(stage.root, 'first')
  await mkdir(home)
  const rows = async (directory: string, sql: string): Promise<string> => {
    const { code, stdout, stderr } = await stage.quietly(directory, 'query', sql, '--format', 'csv')
    return code === 0 ? stdout.slice(stdout.indexOf('\n') + 1) : `exit code ${code}: ${stderr}`
  }
  const shown = (directory: string, select: string, table: string) => rows(directory, `${select} loans.${table} order by id`)
  const held = async (select: string, table: string): Promise<string> =>
    (await stage.ask(`${select} ${table} order by id`)).map((row) => `${row.map((value) => value ?? '').join(',')}\n`).join('')
  const same = (directory: string, what: string, select: string, table: string) =>
    eventually(
      what,
      () => shown(directory, select, table),
      () => held(select, table),
    )

  chapter('A source, and a configuration from it')
  await stage.source(BOOK)
  done(await stage.portage(home, 'init', '--from', stage.url, '--name', 'loans'), 0)
  await settle(stage, home)
  done(await stage.portage(home, 'check'), 0)

  chapter('Copy and follow')
  const first = stage.start(home, 'run', 'loans')
  await using _first = first
  await same(
    home,
    'loan in DuckDB is loan in PostgreSQL: 1,000 rows, one note of 160,000 characters',
    LOANS.replace('state', 'status'),
    'loan',
  )
  await same(home, 'so is payment', PAYMENTS, 'payment')

  chapter('Rename a column')
  await stage.source("alter table loan rename column status to state; update loan set state = 'paid' where id <= 10")
  await same(home, 'DuckDB shows it under the new name, old and new rows alike', LOANS, 'loan')

  chapter('Update a row without touching its large note')
  await stage.source('update loan set amount = amount + 1 where id = 1')
  await same(home, 'its note is still there, although the log of PostgreSQL did not repeat it', LOANS, 'loan')

  chapter('Truncate a table')
  await stage.source('truncate payment; insert into payment select i, i, 1 from generate_series(1, 50) i')
  await same(home, 'only what was inserted since is shown', PAYMENTS, 'payment')

  chapter('kill -9, and go on in another directory with nothing but the lake')
  first.process.kill('SIGKILL')
  check('the run is dead', (await first.ended).code, null)
  await stage.source(
    "insert into loan select i, 1, 'open', 7, 'while nobody looked' from generate_series(1001, 1500) i; delete from loan where id = 500; update client set city = 'Derry' where id <= 20",
  )
  const away = join(stage.root, 'second')
  await mkdir(away)
  await cp(join(home, 'config'), join(away, 'config'), { recursive: true })
  const second = stage.start(away, 'run', 'loans')
  await using _second = second
  await same(away, 'loan is right, with what happened meanwhile', LOANS, 'loan')
  await same(away, 'client too', CLIENTS, 'client')
  check(
    'every change stands in the history exactly once',
    await rows(away, "select count(*) = count(distinct _position) from loans.loan_changes where _op <> 'r'"),
    'true\n',
  )

  chapter('Drop a column: one table is held, the others go on')
  const before = await shown(away, LOANS, 'loan')
  await stage.source(
    "alter table loan drop column note; update loan set state = 'sold' where id between 20 and 29; insert into payment select i, i, 2 from generate_series(51, 80) i",
  )
  await same(away, 'payment goes on', PAYMENTS, 'payment')
  check('loan is shown as it was, its notes included', await shown(away, LOANS, 'loan'), before)
  const plan = await stage.portage(away, 'plan', 'loans')
  check('plan ends with exit code 3', plan.code, 3)
  shows('plan says what is held, and why', plan.stdout, 'column "note" dropped  hold')
  shows('plan shows the column as DuckDB has it', plan.stdout, 'note VARCHAR')
  shows('plan shows the DDL', plan.stdout, 'create or replace view "loans"."loan"')
  shows('status says it too', (await stage.portage(away, 'status')).stdout, 'HELD: public.loan')
  await acknowledged(stage, 'the source may drop its log all the same')
  const applied = await stage.portage(away, 'apply', 'loans', 'public.loan')
  done(applied, 0)
  shows('apply says what was accepted', applied.stdout, 'public.loan: schema version 3 accepted (column "note" dropped)')
  await same(away, 'everything that landed meanwhile is shown, nothing is lost', 'select id, client, state, amount from', 'loan')
  check(
    'its history is complete: ten rows were sold',
    await rows(away, "select count(*) from loans.loan_changes where state = 'sold' and _op = 'u'"),
    '10\n',
  )
  check('plan has nothing to say any more', (await stage.portage(away, 'plan', 'loans')).code, 0)
  await stop(second)

  chapter('One value in one file is wrong')
  const whole = await stage.portage(away, 'reconcile', 'loans')
  if (whole.code !== 0) say(whole.stdout)
  done(whole, 0)
  const counted = await rows(away, 'select count(*), count(distinct name) from loans.client')
  await damageOneValue(join(stage.root, 'lake'), 'client', 'client number 217')
  say('  ...  one letter of "client number 217" was changed in a base file of the lake')
  check('a plain query does not notice', await rows(away, 'select count(*), count(distinct name) from loans.client'), counted)
  const found = await stage.portage(away, 'reconcile', 'loans')
  check('reconcile ends with exit code 4', found.code, 4)
  for (const line of found.stdout.trimEnd().split('\n')) say(`  |    ${line}`)
  shows('and names table, key and column', found.stdout, /public\.client[\s\S]*\b217\b[\s\S]*\bname\b/)
}

/** Edits the configuration as a user would: one lake for both directories, and everything a little faster than by default. */
async function settle(stage: Stage, directory: string): Promise<void> {
  const connections = join(directory, 'config/connections.yaml')
  await writeFile(
    connections,
    (await readFile(connections, 'utf8')).replace('path: .portage/lake', `path: ${join(stage.root, 'lake')}`),
  )
  const integration = join(directory, 'config/integrations/loans.yaml')
  const yaml = (await readFile(integration, 'utf8'))
    .replace('interval: 5s', 'interval: 250ms')
    .replace('every: 10s', 'every: 250ms')
    // So that one value can be changed later without breaking its file.
    .replace('compression: zstd', 'compression: none')
  await writeFile(integration, yaml)
  say('  edit config: lake and cadence')
}

/** The slot's place in the log passes the place where it is now. */
async function acknowledged(stage: Stage, what: string): Promise<void> {
  const [[at = null] = []] = await stage.ask("select pg_current_wal_lsn()::text from pg_logical_emit_message(true, 'story', 'x')")
  await eventually(
    what,
    async () =>
      (
        await stage.ask(
          `select confirmed_flush_lsn >= '${at}'::pg_lsn from pg_replication_slots where slot_name = 'portage_loans'`,
        )
      )[0],
    async () => ['true'],
  )
}

async function stop(running: Running): Promise<void> {
  running.process.kill('SIGINT')
  check('Ctrl-C ends the run in good order', (await running.ended).code, 0)
}

function done({ code, stderr }: Answer, expected: number): void {
  if (code !== expected) throw new WrongAnswer(`exit code ${code}, expected ${expected}\n${stderr}`)
  say(`  ok   exit code ${expected}`)
}

let chapters = 0
const chapter = (title: string): void => say(`\n${++chapters}. ${title}`)

const started = performance.now()
try {
  await using stage = await openStage()
  await story(stage)
  say(`\nEvery answer was right, in ${Math.round((performance.now() - started) / 1000)} s`)
} catch (error) {
  process.exitCode = 1
  say(
    error instanceof WrongAnswer
      ? `  WRONG ${error.message}`
      : `  FAILED ${error instanceof Error ? error.stack : String(error)}`,
  )
}
