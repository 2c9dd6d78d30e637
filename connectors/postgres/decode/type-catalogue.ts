/** Loads the types that a set of tables uses, and everything these types are made of. */

const typesFrom = (seed: string): string => /* sql */ `
with recursive used(oid) as (
  ${seed}
  union
  select part.oid
  from used
  join pg_catalog.pg_type t on t.oid = used.oid
  cross join lateral (
    select t.typelem where t.typelem <> 0
    union all select t.typbasetype where t.typbasetype <> 0
    union all select r.rngsubtype from pg_catalog.pg_range r where r.rngtypid = t.oid
    union all select r.rngtypid from pg_catalog.pg_range r where r.rngmultitypid = t.oid
    union all select a.atttypid from pg_catalog.pg_attribute a
      where t.typrelid <> 0 and a.attrelid = t.typrelid and a.attnum > 0 and not a.attisdropped
  ) part(oid)
)
select
  t.oid::int8::text as oid,
  n.nspname as schema,
  t.typname as name,
  (select e.extname from pg_catalog.pg_depend d join pg_catalog.pg_extension e on e.oid = d.refobjid
    where d.classid = 'pg_catalog.pg_type'::regclass and d.objid = t.oid
      and d.refclassid = 'pg_catalog.pg_extension'::regclass and d.deptype = 'e') as extension,
  t.typtype::text as typtype,
  t.typsubscript = 'pg_catalog.array_subscript_handler'::regproc and t.typlen = -1 as is_array,
  t.typdelim::text as delimiter,
  t.typsend <> 0 as has_send,
  pg_catalog.format('%I.%I', pn.nspname, p.proname) as output,
  t.typelem::int8::text as element,
  t.typbasetype::int8::text as base,
  t.typtypmod as base_typmod,
  coalesce((select r.rngsubtype from pg_catalog.pg_range r where r.rngtypid = t.oid),
           (select r.rngtypid from pg_catalog.pg_range r where r.rngmultitypid = t.oid), 0)::int8::text as range,
  coalesce((select pg_catalog.json_agg(pg_catalog.json_build_array(a.attname, a.atttypid::int8, a.atttypmod, a.attnum) order by a.attnum)
    from pg_catalog.pg_attribute a
    where t.typrelid <> 0 and a.attrelid = t.typrelid and a.attnum > 0 and not a.attisdropped)::text, '[]') as attributes
from used
join pg_catalog.pg_type t on t.oid = used.oid
join pg_catalog.pg_namespace n on n.oid = t.typnamespace
join pg_catalog.pg_proc p on p.oid = t.typoutput
join pg_catalog.pg_namespace pn on pn.oid = p.pronamespace
`

/**
 * `$1::oid[]`: table oids. One row per type; `pgTypes(rows)` reads them. Needs no privilege beyond reading the catalogue.
 */
export const TYPES_SQL = typesFrom(/* sql */ `select a.atttypid from pg_catalog.pg_attribute a
  where a.attrelid = any($1::oid[]) and a.attnum > 0 and not a.attisdropped`)

/** The same for types that are named themselves, `$1::oid[]`: a log record may be older than the catalogue. */
export const TYPES_BY_OID_SQL = typesFrom(/* sql */ `select named.oid from unnest($1::oid[]) named(oid)`)

import { ConnectorError } from '../../errors.ts'
import type { PgType, PgTypes } from './pg-type.ts'

/** A row of `TYPES_SQL`. */
export type TypeRow = {
  readonly oid: string
  readonly schema: string
  readonly name: string
  readonly extension: string | null
  readonly typtype: string
  readonly is_array: boolean
  readonly delimiter: string
  readonly has_send: boolean
  readonly output: string
  readonly element: string
  readonly base: string
  readonly base_typmod: number
  readonly range: string
  readonly attributes: string
}

/** The rows of `TYPES_SQL` by oid. */
export function pgTypes(rows: readonly TypeRow[]): PgTypes {
  return new Map(rows.map((row) => [Number(row.oid), pgType(row)]))
}

/** A type of the map; throws `INTERNAL` when it was not loaded. */
export function typeOf(types: PgTypes, oid: number): PgType {
  const type = types.get(oid)
  if (type === undefined) throw new ConnectorError('INTERNAL', `Type ${oid} is used but was not read from the catalogue`)
  return type
}

function pgType(row: TypeRow): PgType {
  const form = formOf(row)
  return {
    oid: Number(row.oid),
    schema: row.schema,
    name: row.name,
    extension: row.extension,
    form,
    delimiter: row.delimiter,
    hasSend: row.has_send,
    output: row.output,
    element: form === 'array' ? Number(row.element) : 0,
    base: form === 'domain' ? Number(row.base) : 0,
    baseTypmod: form === 'domain' ? row.base_typmod : -1,
    range: Number(row.range),
    attributes: (JSON.parse(row.attributes) as [string, number, number, number][]).map(([name, typeOid, typmod, number]) => ({
      name,
      typeOid,
      typmod,
      number,
    })),
  }
}

const FORMS: Readonly<Record<string, PgType['form']>> = {
  b: 'base',
  c: 'composite',
  d: 'domain',
  e: 'enum',
  r: 'range',
  m: 'multirange',
  p: 'pseudo',
}

// int2vector and oidvector subscript like arrays but print like lists of words.
const formOf = (row: TypeRow): PgType['form'] =>
  row.is_array && row.typtype === 'b' && row.schema === 'pg_catalog' && row.name.endsWith('vector') && !row.name.startsWith('_')
    ? 'base'
    : row.is_array && row.typtype === 'b'
      ? 'array'
      : (FORMS[row.typtype] ?? 'pseudo')
