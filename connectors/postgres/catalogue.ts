/**
 * What the catalogue says of the scope's tables, in one snapshot. Raw: no type mapping, no policy.
 *
 * Decisions kept here. A partitioned table is one table (changes are published via its root): its partitions are not
 * listed, and its storage is that of all leaves together. Generated columns are left out everywhere: pgoutput does not
 * send them, and what is derived can be derived again. Tokens err towards an extra snapshot: attaching or detaching a
 * partition moves both, and so does VACUUM FULL of a table with attmissingval, because the rewrite clears it.
 */
import { createHash } from 'node:crypto'
import type { SourceTable } from '../change.ts'
import type { SourceScope } from '../ports.ts'
import { inScope } from '../table-patterns.ts'
import type { Session } from './connect.ts'

export type CatalogueColumn = {
  /** attnum */
  readonly id: number
  readonly name: string
  readonly typeOid: number
  readonly typmod: number
  readonly sourceType: string
  readonly notNull: boolean
  readonly comment: string | null
  /** `attmissingval::text` (an array literal of one element); null when there is none. */
  readonly missing: string | null
  /** Transaction (32 bits) that last touched the column's definition. */
  readonly xmin: number
}

export type CatalogueTable = {
  readonly oid: string
  readonly schema: string
  readonly name: string
  readonly kind: 'table' | 'partitioned' | 'other'
  readonly unlogged: boolean
  readonly comment: string | null
  /**
   * Tokens of `SourceTable`. Both also change when the table left the publication and came back: its changes in between
   * are in nobody's stream, so its rows count as rewritten.
   */
  readonly storage: string
  readonly definition: string
  readonly columns: readonly CatalogueColumn[]
  /** attnums of dropped columns, with the transaction (32 bits) that dropped them. */
  readonly dropped: readonly { readonly id: number; readonly xmin: number }[]
  readonly generated: readonly string[]
  readonly identity: SourceTable['identity']
  readonly key: readonly number[]
  /** A primary key exists but can be deferred, so it identifies no rows. */
  readonly deferrableKey: boolean
  readonly estimatedRows: number
  readonly bytes: number
  /** Row-level security applies to this user: a snapshot would miss rows. */
  readonly rowSecurity: boolean
  readonly owner: string
}

type TableRow = {
  oid: string
  schema: string
  name: string
  kind: string
  persistence: string
  identity: string
  comment: string | null
  storage: string | null
  leaves: string | null
  membership: string | null
  rows: number
  bytes: string | null
  security: boolean
  owner: string
}

type ColumnRow = {
  oid: string
  id: number
  name: string
  type: string
  typmod: number
  spelled: string | null
  not_null: boolean
  dropped: boolean
  generated: string
  missing: string | null
  comment: string | null
  xmin: string
}

type KeyRow = { oid: string; primary: boolean; identity: boolean; immediate: boolean; key: number[] }

const LIST = /* sql */ `
  select c.oid::text as oid, n.nspname as schema, c.relname as name
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where c.relkind in ('r', 'p') and not c.relispartition and c.relpersistence <> 't'
    and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
  order by n.nspname, c.relname`

const TABLES = /* sql */ `
  select c.oid::text as oid, n.nspname as schema, c.relname as name, c.relkind as kind, c.relpersistence as persistence,
    c.relreplident as identity, obj_description(c.oid, 'pg_class') as comment, r.rolname as owner,
    row_security_active(c.oid) as security,
    case when c.relkind = 'p' then p.storage else c.relfilenode::text end as storage, p.leaves,
    (select coalesce(
        (select r.oid from pg_publication_rel r where r.prpubid = b.oid and r.prrelid = c.oid),
        b.oid)::text
      from pg_publication b where b.pubname = $2) as membership,
    case when c.relkind = 'p' then p.rows else greatest(c.reltuples, 0) end as rows,
    case when c.relkind = 'p' then p.bytes else pg_total_relation_size(c.oid) end::text as bytes
  from pg_class c join pg_namespace n on n.oid = c.relnamespace join pg_roles r on r.oid = c.relowner
  left join lateral (
    select string_agg(l.oid::text || ':' || l.relfilenode::text, ',' order by l.oid) as storage,
      string_agg(l.oid::text, ',' order by l.oid) as leaves,
      sum(greatest(l.reltuples, 0)) as rows, sum(pg_total_relation_size(l.oid)) as bytes
    from pg_partition_tree(c.oid) t join pg_class l on l.oid = t.relid where t.isleaf
  ) p on c.relkind = 'p'
  where c.oid = any($1::oid[])
  order by n.nspname, c.relname`

const COLUMNS = /* sql */ `
  select a.attrelid::text as oid, a.attnum::int as id, a.attname as name, a.atttypid::text as type, a.atttypmod as typmod,
    case when a.attisdropped then null else format_type(a.atttypid, a.atttypmod) end as spelled,
    a.attnotnull as not_null, a.attisdropped as dropped, a.attgenerated as generated,
    case when c.relkind = 'p' then leaves.missing when a.atthasmissing then a.attmissingval::text end as missing,
    col_description(a.attrelid, a.attnum) as comment, a.xmin::text as xmin
  from pg_attribute a join pg_class c on c.oid = a.attrelid
  left join lateral (
    -- A partitioned table has no rows of its own: only its leaves remember the default that a column was added with.
    select max(l.attmissingval::text) as missing
    from pg_partition_tree(c.oid) t join pg_attribute l on l.attrelid = t.relid and l.attname = a.attname
    where t.isleaf and l.atthasmissing
  ) leaves on c.relkind = 'p'
  where a.attrelid = any($1::oid[]) and a.attnum > 0
  order by a.attrelid, a.attnum`

const KEYS = /* sql */ `
  select i.indrelid::text as oid, i.indisprimary as primary, i.indisreplident as identity, i.indimmediate as immediate,
    (select array_agg(k.attnum::int order by k.place) from unnest(i.indkey::int2[]) with ordinality k(attnum, place)
      where k.place <= i.indnkeyatts) as key
  from pg_index i where i.indrelid = any($1::oid[]) and (i.indisprimary or i.indisreplident) and i.indisvalid`

/** Tables that match the scope's patterns, or just those with the given oids; all read in one snapshot. */
export async function readCatalogue(
  session: Session,
  scope: Pick<SourceScope, 'publication' | 'tables'>,
  only?: readonly string[],
): Promise<readonly CatalogueTable[]> {
  const subject = 'Reading the catalogue'
  await session.rows(/* sql */ `begin isolation level repeatable read read only`, [], subject)
  try {
    const oids = only ?? (await matching(session, scope.tables, subject))
    const tables = await session.rows<TableRow>(TABLES, [oids, scope.publication], subject)
    const columns = await session.rows<ColumnRow>(COLUMNS, [oids], subject)
    const keys = await session.rows<KeyRow>(KEYS, [oids], subject)
    const columnsOf = Map.groupBy(columns, (column) => column.oid)
    const keysOf = Map.groupBy(keys, (key) => key.oid)
    return tables.map((table) => catalogueTable(table, columnsOf.get(table.oid) ?? [], keysOf.get(table.oid) ?? []))
  } finally {
    await session.client.query('rollback').catch(() => {})
  }
}

/**
 * A table's storage token as the session's transaction sees it: under an imported snapshot, as it was then. Null when the
 * table was not there.
 */
export async function readStorage(
  session: Session,
  scope: Pick<SourceScope, 'publication'>,
  oid: string,
): Promise<string | null> {
  const [table] = await session.rows<TableRow>(TABLES, [[oid], scope.publication], 'Reading the storage of a table')
  return table === undefined ? null : storageToken(table)
}

async function matching(session: Session, patterns: readonly string[], subject: string): Promise<string[]> {
  const listed = await session.rows<{ oid: string; schema: string; name: string }>(LIST, [], subject)
  return listed.filter((table) => inScope(patterns, `${table.schema}.${table.name}`)).map((table) => table.oid)
}

const KINDS: Readonly<Record<string, CatalogueTable['kind']>> = { r: 'table', p: 'partitioned' }
const IDENTITIES: Readonly<Record<string, SourceTable['identity']>> = { d: 'default', i: 'index', f: 'full', n: 'nothing' }

function catalogueTable(table: TableRow, columns: readonly ColumnRow[], keys: readonly KeyRow[]): CatalogueTable {
  const identity = IDENTITIES[table.identity] ?? 'nothing'
  const primary = keys.find((key) => key.primary)
  const key = identity === 'index' ? keys.find((index) => index.identity) : primary?.immediate ? primary : undefined
  const live = columns.filter((column) => !column.dropped)
  const membership = table.membership ?? 'none'
  return {
    oid: table.oid,
    schema: table.schema,
    name: table.name,
    kind: KINDS[table.kind] ?? 'other',
    unlogged: table.persistence === 'u',
    comment: table.comment,
    storage: storageToken(table),
    definition: digest(`${columns.map((column) => `${column.id}:${column.xmin}`).join(',')};${table.leaves ?? ''};${membership}`),
    columns: live.filter((column) => column.generated === '').map(catalogueColumn),
    dropped: columns.filter((column) => column.dropped).map(({ id, xmin }) => ({ id, xmin: Number(xmin) })),
    generated: live.filter((column) => column.generated !== '').map((column) => column.name),
    identity,
    key: key?.key ?? [],
    deferrableKey: primary !== undefined && !primary.immediate,
    estimatedRows: Math.round(table.rows),
    bytes: Number(table.bytes ?? 0),
    rowSecurity: table.security,
    owner: table.owner,
  }
}

const catalogueColumn = (column: ColumnRow): CatalogueColumn => ({
  id: column.id,
  name: column.name,
  typeOid: Number(column.type),
  typmod: column.typmod,
  sourceType: column.spelled ?? '',
  notNull: column.not_null,
  comment: column.comment,
  missing: column.missing,
  xmin: Number(column.xmin),
})

const storageToken = (table: TableRow): string => digest(`${table.storage ?? ''};${table.membership ?? 'none'}`)

/** Short, and no more than a token for comparing. */
const digest = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 16)
