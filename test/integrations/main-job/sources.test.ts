/** Shapes of tables and columns that broke the main job once, each from a real PostgreSQL to the tables in DuckDB. */
import { expect, test } from 'vitest'
import { openJob } from './job.ts'

test('a partitioned table: rows move between partitions, a column comes with a default, partitions come and go', async () => {
  await using job = await openJob()
  const { db } = job
  await db.query(/* sql */ `
    create table p (id int not null, v text, primary key (id)) partition by range (id);
    create table p1 partition of p for values from (minvalue) to (100);
    create table p2 partition of p default;
    insert into p select n, 'v' || n from generate_series(90, 110) n`)
  await job.catchUp()
  await db.query(/* sql */ `alter table p add column mood text default 'fine'; update p set id = id + 100 where id in (95, 96)`)
  await job.catchUp()
  expect(await job.differences()).toEqual([])
  await db.query(/* sql */ `
    create table p3 (id int not null, v text, mood text); insert into p3 values (500, 'attached', 'full');
    update p set id = id + 1000 where id >= 500; alter table p attach partition p3 for values from (500) to (600)`)
  await db.query(`delete from p where id = 100`)
  await job.catchUp()
  expect(await job.differences()).toEqual([])
  await db.query('alter table p detach partition p1')
  await db.query('drop table p1')
  await job.catchUp()
  expect(await job.differences()).toEqual([])
})

test('out-of-line values are read again by keys of every kind: arrays, composites, bytea, instants, floats', async () => {
  await using job = await openJob()
  const { db } = job
  await db.query(/* sql */ `
    create type pair as (a int, b text);
    create domain ints as int[];
    create table k (a int[], d ints, p pair, y bytea, t timestamptz, f float8, n numeric, c char(5), big text, small int,
      primary key (a, d, p, y, t, f, n, c));
    alter table k alter big set storage external;
    insert into k select array[n, null, 3], array[[n, 1]], row(n, 'x"' || n)::pair, '\\x00ff', now(), 'Infinity', 1.50, 'ab', repeat('x', 5000 + n), 0
      from generate_series(1, 5) n`)
  await job.catchUp()
  await db.query('update k set small = 1')
  await job.catchUp()
  await db.query('update k set small = 2 where (p).a = 2')
  await db.query('update k set a = a || 7 where (p).a = 3')
  await job.catchUp()
  expect(await job.differences()).toEqual([])
})

test('a column whose type was dropped since arrives all the same', async () => {
  await using job = await openJob()
  const { db } = job
  await db.query(`create table t (id int primary key, v text); insert into t values (1, 'a')`)
  await job.catchUp()
  await db.query(/* sql */ `
    create type colour as enum ('red', 'blue');
    create domain short as text check (length(value) < 9);
    create type pair as (a int, b text);
    alter table t add c colour, add s short, add p pair, add cs colour[]`)
  await db.query(`insert into t values (2, 'b', 'red', 'short', row(1, 'x'), '{red,blue}')`)
  await db.query('alter table t drop c, drop s, drop p, drop cs; drop type colour; drop domain short; drop type pair')
  await db.query(`insert into t values (3, 'c')`)
  await job.catchUp()
  expect(await job.differences()).toEqual([])
  const history = await job.run(
    'query',
    `select _op, _unchanged from job.t_changes where _op <> 'r' order by _position`,
    '--format',
    'csv',
  )
  // What it was cannot be read any more, and the history says so.
  expect(history.stdout).toBe('_op,_unchanged\nc,"c,s,p,cs"\nc,\n')
})

test('a default that was added and then became another type, all while the run was away, loses no row its value', async () => {
  await using job = await openJob()
  const { db } = job
  await db.query(`create table t (id int primary key, a timestamp); insert into t values (1, now())`)
  await job.catchUp()
  await db.query(`alter table t add b int default 7; insert into t values (2, now(), 8)`)
  await db.query(`alter table t drop a; alter table t add a text default 'words'; insert into t values (3, 9, 'x')`)
  await db.query(`alter table t add c varchar(5) default 'v'; insert into t (id) values (4)`)
  await db.query(
    `alter table t alter c type text; alter table t alter b type bigint; insert into t (id, c) values (5, 'longer than five')`,
  )
  await job.catchUp()
  expect(await job.differences()).toEqual([])
})
