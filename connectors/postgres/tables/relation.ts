/** One table or view as the catalogue describes it, for reading and writing as a whole. I/O. */
import { ConnectorError } from '../../errors.ts'
import type { TableAddress } from '../../tables.ts'
import type { Session } from '../connect.ts'
import type { PgTypes } from '../decode/pg-type.ts'
import { planColumn } from '../decode/plan-column.ts'
import { pgTypes, TYPES_BY_OID_SQL, type TypeRow } from '../decode/type-catalogue.ts'

export type RelationColumn = {
  readonly name: string
  readonly typeOid: number
  readonly typmod: number
  /** `format_type`, qualified unless built in. */
  readonly sqlType: string
  readonly notNull: boolean
  readonly hasDefault: boolean
  readonly generated: boolean
  readonly identity: '' | 'a' | 'd'
  readonly comment: string | null
}

export type Relation = {
  readonly oid: string
  /** `pg_class.relkind`. */
  readonly kind: string
  readonly estimatedRows: number | null
  readonly columns: readonly RelationColumn[]
  readonly mayInsert: boolean
  readonly mayTruncate: boolean
  readonly mayDelete: boolean
  /** Another table refers to it, so that it cannot be truncated alone. */
  readonly referenced: boolean
}

const RELATION_SQL = /* sql */ `
select c.oid::text as oid, c.relkind::text as kind, c.reltuples as rows,
  has_table_privilege(c.oid, 'insert') as may_insert,
  has_table_privilege(c.oid, 'truncate') as may_truncate,
  has_table_privilege(c.oid, 'delete') as may_delete,
  exists (select 1 from pg_catalog.pg_constraint f where f.confrelid = c.oid and f.contype = 'f' and f.conrelid <> c.oid) as referenced
from pg_catalog.pg_class c
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where n.nspname = $1 and c.relname = $2 and c.relkind in ('r', 'p', 'v', 'm', 'f')`

const COLUMNS_SQL = /* sql */ `
select a.attname as name, a.atttypid::int8::text as type, a.atttypmod as typmod,
  pg_catalog.format_type(a.atttypid, a.atttypmod) as spelled,
  a.attnotnull as not_null, a.atthasdef and a.attgenerated = '' as has_default,
  a.attgenerated <> '' as generated, a.attidentity::text as identity,
  pg_catalog.col_description(a.attrelid, a.attnum) as comment
from pg_catalog.pg_attribute a
where a.attrelid = $1::oid and a.attnum > 0 and not a.attisdropped
order by a.attnum`

/** Null when there is no such table or view. */
export async function readRelation(session: Session, { schema, name }: TableAddress): Promise<Relation | null> {
  const [found] = await session.rows<{
    oid: string
    kind: string
    rows: number
    may_insert: boolean
    may_truncate: boolean
    may_delete: boolean
    referenced: boolean
  }>(RELATION_SQL, [schema, name], `Looking up table "${schema}.${name}"`)
  if (found === undefined) return null
  const columns = await session.rows<{
    name: string
    type: string
    typmod: number
    spelled: string
    not_null: boolean
    has_default: boolean
    generated: boolean
    identity: '' | 'a' | 'd'
    comment: string | null
  }>(COLUMNS_SQL, [found.oid], `Looking up the columns of table "${schema}.${name}"`)
  return {
    oid: found.oid,
    kind: found.kind,
    // Never analyzed: −1.
    estimatedRows: found.rows < 0 ? null : Math.round(found.rows),
    columns: columns.map((column) => ({
      name: column.name,
      typeOid: Number(column.type),
      typmod: column.typmod,
      sqlType: column.spelled,
      notNull: column.not_null,
      hasDefault: column.has_default,
      generated: column.generated,
      identity: column.identity,
      comment: column.comment,
    })),
    mayInsert: found.may_insert,
    mayTruncate: found.may_truncate,
    mayDelete: found.may_delete,
    referenced: found.referenced,
  }
}

/** Tables and views that this user may look into. */
export async function listRelations(session: Session): Promise<readonly TableAddress[]> {
  return session.rows<{ schema: string; name: string }>(
    /* sql */ `select n.nspname as schema, c.relname as name
      from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
      where c.relkind in ('r', 'p', 'v', 'm', 'f') and n.nspname not in ('pg_catalog', 'information_schema')
        and n.nspname !~ '^pg_' and has_schema_privilege(n.oid, 'usage')
      order by 1, 2`,
    [],
    'Listing the tables',
  )
}

export async function typesOf(session: Session, oids: readonly number[]): Promise<PgTypes> {
  return pgTypes(await session.rows<TypeRow>(TYPES_BY_OID_SQL, [oids.map(String)], 'Reading the types of the columns'))
}

/** How a column travels, without choices of a configuration. */
export function naturalPlan(
  subject: string,
  column: Pick<RelationColumn, 'name' | 'typeOid' | 'typmod' | 'sqlType' | 'notNull'>,
  id: number,
  types: PgTypes,
  onBadValue: 'error' | 'reject',
) {
  const { name, typeOid, typmod, sqlType, notNull } = column
  return planColumn({ id, name, typeOid, typmod, sourceType: sqlType, nullable: !notNull }, types, {
    table: subject as never,
    onBadValue,
  })
}

export function notFound({ schema, name }: TableAddress): ConnectorError {
  return new ConnectorError('NOT_FOUND', `Table "${schema}.${name}" does not exist in the database`)
}
