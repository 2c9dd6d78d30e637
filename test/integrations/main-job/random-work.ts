/**
 * Random work on a database, as an application and its migrations do it: transactions of DML and DDL in savepoints, some rolled
 * back, over tables of random shape. What a statement may do is read from the catalogue; one that PostgreSQL refuses is undone.
 */
import pg from 'pg'
import { KEYS, type Random, TYPE_NAMES, VALUES, WIDER } from './random-values.ts'

/** Statements that a random database needs first. */
export const TYPES = /* sql */ `
  create type mood as enum ('sad', 'ok', 'it''s "fine"');
  create domain money_text as text check (length(value) < 100000);
  create type pair as (a int, b text);`

type Column = { readonly name: string; readonly type: string; readonly key: boolean; readonly notNull: boolean }
type Table = {
  readonly name: string
  readonly columns: readonly Column[]
  readonly key: readonly string[]
  readonly identity: string
  readonly kind: string
}

const NAMES = ['a', 'b', 'c', 'd', 'E', 'order', 'a b', 'ü', 'A']
const q = (name: string): string => `"${name.replaceAll('"', '""')}"`

const value = (random: Random, column: Column): string => {
  if (!column.notNull && random.chance(0.15)) return 'null'
  const of = VALUES[column.type]
  return of === undefined ? 'default' : of(random)
}

export type Worker = AsyncDisposable & {
  /** One transaction, or one statement that must stand alone. */
  step(): Promise<void>
  /** What was committed, newest last; for the one who looks at a failing seed. */
  readonly told: readonly string[]
}

export type WorkOptions = {
  readonly random: Random
  /** Share of statements that change a table's shape. Default: 0.25. */
  readonly ddl?: number
  readonly newTables?: boolean
}

/** A session that works on every table of schema public. */
export async function openWorker(url: string, { random, ddl = 0.25, newTables = true }: WorkOptions): Promise<Worker> {
  const client = new pg.Client({ connectionString: url })
  client.on('error', () => undefined)
  await client.connect()
  const told: string[] = []
  let serial = random.below(1000) * 1000

  const tables = async (): Promise<readonly Table[]> => {
    const { rows } = await client.query<{
      name: string
      kind: string
      identity: string
      columns: Column[] | null
      key: string[] | null
    }>(/* sql */ `
      select c.relname as name, c.relkind as kind, c.relreplident as identity,
        (select json_agg(json_build_object('name', a.attname, 'type', format_type(a.atttypid, a.atttypmod),
          'key', a.attnum = any(coalesce(i.indkey::int2[], '{}')), 'notNull', a.attnotnull) order by a.attnum)
          from pg_attribute a where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = '') as columns,
        (select json_agg(a.attname) from pg_attribute a where a.attrelid = c.oid and a.attnum = any(i.indkey::int2[])) as key
      from pg_class c left join pg_index i on i.indrelid = c.oid and i.indisprimary
      where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition order by c.relname`)
    return rows.map((row) => ({ ...row, columns: row.columns ?? [], key: row.key ?? [] }))
  }

  const freshName = (table: Table): string | undefined => {
    const free = NAMES.filter((name) => !table.columns.some((column) => column.name === name))
    return free.length === 0 ? undefined : random.pick(free)
  }

  const createTable = (name: string): string[] => {
    const columns = Array.from({ length: 1 + random.below(6) }, (_, i) => `${q(NAMES[i] ?? 'x')} ${random.pick(TYPE_NAMES)}`)
    const kind = random.below(10)
    if (kind < 4) return [`create table ${q(name)} (id ${random.pick(['integer', 'bigint'])} primary key, ${columns.join(', ')})`]
    if (kind < 6)
      return [
        `create table ${q(name)} (k1 ${random.pick(KEYS)}, ${columns.join(', ')}, k2 ${random.pick(KEYS)} not null, primary key (k2, k1))`,
      ]
    if (kind < 8) return [`create table ${q(name)} (${columns.join(', ')})`, `alter table ${q(name)} replica identity full`]
    if (kind < 9)
      return [
        `create table ${q(name)} (id integer primary key, u ${random.pick(KEYS)} not null, ${columns.join(', ')}, unique (u))`,
        `alter table ${q(name)} replica identity using index ${q(`${name}_u_key`)}`,
      ]
    return [
      `create table ${q(name)} (id integer not null, ${columns.join(', ')}, primary key (id)) partition by range (id)`,
      `create table ${q(`${name}_p1`)} partition of ${q(name)} for values from (minvalue) to (500)`,
      `create table ${q(`${name}_p2`)} partition of ${q(name)} default`,
    ]
  }

  const some = (table: Table, limit: number): string => {
    const rows = 1 + random.below(limit)
    return `where (tableoid, ctid) in (select tableoid, ctid from ${q(table.name)} order by md5(ctid::text || '${random.below(1e9)}') limit ${rows})`
  }

  const keyValue = (column: Column): string =>
    column.type === 'integer' || column.type === 'bigint'
      ? String(random.below(1000))
      : value(random, { ...column, notNull: true })

  const dml = (table: Table, all: readonly Table[]): string[] => {
    const name = q(table.name)
    const settable = table.columns
    const column = settable.length === 0 ? null : random.pick(settable)
    const choice = random.below(100)
    if (choice < 45 || column === null) {
      const rows = Array.from(
        { length: 1 + random.below(random.chance(0.1) ? 200 : 6) },
        () => `(${settable.map((each) => (table.key.includes(each.name) ? keyValue(each) : value(random, each))).join(', ')})`,
      )
      if (settable.length === 0) return [`insert into ${name} default values`]
      return [
        `insert into ${name} (${settable.map((each) => q(each.name)).join(', ')}) values ${rows.join(', ')} on conflict do nothing`,
      ]
    }
    if (choice < 70) {
      const others = settable.filter((each) => !table.key.includes(each.name))
      if (others.length === 0) return []
      const sets = others.filter(() => random.chance(0.4))
      return [
        `update ${name} set ${(sets.length === 0 ? [random.pick(others)] : sets).map((each) => `${q(each.name)} = ${value(random, each)}`).join(', ')} ${some(table, 8)}`,
      ]
    }
    if (choice < 80) return [`update ${name} set ${q(column.name)} = ${keyValue(column)} ${some(table, 1)}`]
    if (choice < 95) return [`delete from ${name} ${some(table, 5)}`]
    if (choice < 97) return [`truncate ${name}`]
    if (choice < 98) return [`truncate ${name}, ${q(random.pick(all).name)}`]
    return [`update ${name} set ${q(column.name)} = ${q(column.name)}`]
  }

  const alter = (table: Table, all: readonly Table[]): string[] => {
    const name = q(table.name)
    const fresh = freshName(table)
    const plain = table.columns.filter((column) => !table.key.includes(column.name))
    const column = plain.length === 0 ? null : random.pick(plain)
    const type = random.pick(TYPE_NAMES)
    const filled = (of: string): string => value(random, { name: '', type: of, key: false, notNull: true })
    switch (random.below(24)) {
      case 0:
      case 1:
        return fresh === undefined ? [] : [`alter table ${name} add column ${q(fresh)} ${type}`]
      case 2:
      case 3: {
        if (fresh === undefined) return []
        const constant = filled(type)
        return constant.includes('select')
          ? []
          : [`alter table ${name} add column ${q(fresh)} ${type}${random.chance(0.4) ? ' not null' : ''} default ${constant}`]
      }
      case 4:
        return fresh === undefined
          ? []
          : [
              `alter table ${name} add column ${q(fresh)} ${random.pick(['text default md5(random()::text)', 'float8 default random()', 'uuid not null default gen_random_uuid()', 'bigserial', 'integer generated always as identity'])}`,
            ]
      case 5:
      case 6:
        return column === null ? [] : [`alter table ${name} drop column ${q(column.name)}`]
      case 7:
      case 8:
        return fresh === undefined || table.columns.length === 0
          ? []
          : [`alter table ${name} rename ${q(random.pick(table.columns).name)} to ${q(fresh)}`]
      case 9: {
        if (table.columns.length < 2) return []
        const [one, two] = [random.pick(table.columns), random.pick(table.columns)]
        if (one === undefined || two === undefined || one === two) return []
        return [
          `alter table ${name} rename ${q(one.name)} to xx`,
          `alter table ${name} rename ${q(two.name)} to ${q(one.name)}`,
          `alter table ${name} rename xx to ${q(two.name)}`,
        ]
      }
      case 10:
        return column === null
          ? []
          : [
              `alter table ${name} drop column ${q(column.name)}`,
              `alter table ${name} add column ${q(column.name)} ${random.chance(0.6) ? column.type : type}`,
            ]
      case 11:
      case 12: {
        const widened = table.columns.filter((each) => WIDER[each.type] !== undefined)
        if (widened.length === 0) return []
        const each = random.pick(widened)
        return [`alter table ${name} alter ${q(each.name)} type ${random.pick(WIDER[each.type] ?? [])}`]
      }
      case 13: {
        const texts = plain.filter((each) => ['text', 'integer', 'boolean', 'numeric(10,2)'].includes(each.type))
        if (texts.length === 0) return []
        const each = random.pick(texts)
        const using =
          each.type === 'text'
            ? `upper(${q(each.name)}) || '!'`
            : each.type === 'boolean'
              ? `not ${q(each.name)}`
              : `-(${q(each.name)} / 2)`
        return [`alter table ${name} alter ${q(each.name)} type ${each.type} using ${using}`]
      }
      case 14:
        return column === null
          ? []
          : [
              `alter table ${name} alter ${q(column.name)} drop default`,
              `alter table ${name} alter ${q(column.name)} type text using left(${q(column.name)}::text, 20)`,
            ]
      case 15: {
        if (table.columns.length === 0 || table.key.length === 0 || table.identity !== 'd' || table.kind === 'p') return []
        const wanted = random.pick(table.columns)
        return [
          `alter table ${name} drop constraint ${q(`${table.name}_pkey`)}`,
          `alter table ${name} add constraint ${q(`${table.name}_pkey`)} primary key (${
            random.chance(0.5)
              ? `${q(wanted.name)}`
              : table.columns
                  .filter((each) => each.notNull)
                  .map((each) => q(each.name))
                  .join(', ')
          })`,
        ]
      }
      case 16:
        return newTables ? [`drop table ${name}`, ...createTable(table.name)] : []
      case 17:
        return newTables && all.length < 7 ? createTable(`n${serial++}`) : []
      case 18:
        return [`alter table ${name} replica identity ${table.key.length > 0 ? random.pick(['full', 'default']) : 'full'}`]
      case 19:
        return column === null ? [] : [`alter table ${name} alter ${q(column.name)} set not null`]
      case 20:
        return column === null
          ? []
          : [
              `alter table ${name} alter ${q(column.name)} set default ${filled(column.type).includes('select') ? 'null' : filled(column.type)}`,
            ]
      case 21:
        return fresh === undefined
          ? []
          : [`alter table ${name} add column ${q(fresh)} text generated always as ('g' || ${table.columns.length}) stored`]
      case 22:
        return [`comment on table ${name} is 'c${serial++}'`]
      default:
        return column === null ? [] : [`alter table ${name} alter ${q(column.name)} set storage external`]
    }
  }

  const attempt = async (statements: readonly string[]): Promise<boolean> => {
    await client.query('savepoint s')
    try {
      for (const sql of statements) await client.query(sql)
      return true
    } catch (error) {
      if (!(error instanceof pg.DatabaseError)) throw error
      await client.query('rollback to savepoint s')
      return false
    }
  }

  const alone = async (sql: string): Promise<void> => {
    try {
      await client.query(sql)
      told.push(sql)
    } catch (error) {
      if (!(error instanceof pg.DatabaseError)) throw error
    }
  }

  const step = async (): Promise<void> => {
    const [first] = await tables()
    if (first !== undefined && random.chance(0.05)) {
      const table = random.pick(await tables())
      const index = table.key.length > 0 ? q(`${table.name}_pkey`) : null
      await alone(
        random.chance(0.5) || index === null ? `vacuum full ${q(table.name)}` : `cluster ${q(table.name)} using ${index}`,
      )
      return
    }
    if (random.chance(0.02)) return await alone(`alter type mood add value 'new${serial++}'`)
    const log: string[] = []
    await client.query('begin')
    try {
      const count = 1 + random.below(6)
      for (let i = 0; i < count; i++) {
        const all = await tables()
        if (all.length === 0) break
        const table = random.pick(all)
        const statements = random.chance(ddl) ? alter(table, all) : dml(table, all)
        if (statements.length > 0 && (await attempt(statements))) {
          if (random.chance(0.1)) await client.query('rollback to savepoint s')
          else log.push(...statements)
        }
      }
      const rolledBack = random.chance(0.1)
      await client.query(rolledBack ? 'rollback' : 'commit')
      if (!rolledBack && log.length > 0) told.push(`begin; ${log.join('; ')}; commit`)
    } catch (error) {
      await client.query('rollback').catch(() => undefined)
      if (!(error instanceof pg.DatabaseError)) throw error
    }
  }

  return {
    step,
    told,
    [Symbol.asyncDispose]: () => client.end(),
  }
}

/** The first tables of a random database. */
export async function createTables(url: string, random: Random): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    await client.query(TYPES)
  } finally {
    await client.end()
  }
  await using worker = await openWorker(url, { random, ddl: 0 })
  const creating = new pg.Client({ connectionString: url })
  await creating.connect()
  try {
    for (let i = 0; i < 4; i++) for (const sql of tableSql(`t${i}`, i, random)) await creating.query(sql)
  } finally {
    await creating.end()
  }
  for (let i = 0; i < 10; i++) await worker.step()
}

/** One of each kind: keyed, composite key, bag, identity index. */
function tableSql(name: string, kind: number, random: Random): string[] {
  const columns = Array.from({ length: 2 + random.below(5) }, (_, i) => `${q(NAMES[i] ?? 'x')} ${random.pick(TYPE_NAMES)}`).join(
    ', ',
  )
  switch (kind) {
    case 0:
      return [`create table ${name} (id integer primary key, ${columns})`]
    case 1:
      return [`create table ${name} (k1 ${random.pick(KEYS)}, ${columns}, k2 ${random.pick(KEYS)}, primary key (k2, k1))`]
    case 2:
      return [`create table ${name} (${columns})`, `alter table ${name} replica identity full`]
    default:
      return [
        `create table ${name} (id integer primary key, u ${random.pick(KEYS)} not null, ${columns}, constraint ${name}_u_key unique (u))`,
        `alter table ${name} replica identity using index ${name}_u_key`,
      ]
  }
}
