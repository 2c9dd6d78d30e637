/** The publication: made for the scope's tables, kept in step with them, or accepted as someone else made it. */
import { ConnectorError } from '../errors.ts'
import type { Session } from './connect.ts'
import { quoteIdentifier, quoteLiteral, quoteTable } from './identifiers.ts'
import { sqlState } from './server-error.ts'

export type PublishedTable = {
  readonly oid: string
  readonly schema: string
  readonly name: string
  readonly kind: 'table' | 'partitioned' | 'other'
}

export type Publication = {
  readonly allTables: boolean
  /** Publishes every table of some schema: membership follows the schema, not us. */
  readonly schemas: boolean
  readonly viaRoot: boolean
  readonly complete: boolean
  readonly generatedColumns: boolean
  /** Tables with a row filter or a column list, `schema.table`: rows or columns would be missing silently. */
  readonly narrowed: readonly string[]
  /** Oids of the tables it lists itself. */
  readonly tables: readonly string[]
}

/** The publication as the catalogue shows it; null when there is none of that name. */
export async function readPublication(session: Session, name: string): Promise<Publication | null> {
  const subject = `Reading publication "${name}"`
  const [row] = await session.rows<{ p: Readonly<Record<string, unknown>> }>(
    /* sql */ `select to_jsonb(p) as p from pg_publication p where pubname = $1`,
    [name],
    subject,
  )
  if (row === undefined) return null
  const { p } = row
  const members = await session.rows<{ oid: string; name: string; narrowed: boolean | null }>(
    /* sql */ `select r.prrelid::text as oid, n.nspname || '.' || c.relname as name, to_jsonb(r) ->> 'prqual' is not null or jsonb_typeof(to_jsonb(r) -> 'prattrs') <> 'null' as narrowed
      from pg_publication_rel r join pg_class c on c.oid = r.prrelid join pg_namespace n on n.oid = c.relnamespace where r.prpubid = $1::oid`,
    [p.oid],
    subject,
  )
  const [server] = await session.rows<{ schemas: boolean }>(
    /* sql */ `select to_regclass('pg_catalog.pg_publication_namespace') is not null as schemas`,
    [],
    subject,
  )
  const schemas = server?.schemas
    ? await session.rows(/* sql */ `select 1 from pg_publication_namespace where pnpubid = $1::oid limit 1`, [p.oid], subject)
    : []
  return {
    allTables: p.puballtables === true,
    schemas: schemas.length > 0,
    viaRoot: p.pubviaroot === true,
    complete: p.pubinsert === true && p.pubupdate === true && p.pubdelete === true && p.pubtruncate === true,
    generatedColumns: p.pubgencols === 's' || p.pubgencols === true,
    narrowed: members.filter(({ narrowed }) => narrowed === true).map((member) => member.name),
    tables: members.map((member) => member.oid),
  }
}

/** What keeps an existing publication from carrying everything, each with the statement that cures it. */
export function publicationProblems(
  name: string,
  publication: Publication,
): readonly { readonly problem: string; readonly cure: string }[] {
  const alter = (settings: string): string => `alter publication ${quoteIdentifier(name)} set (${settings})`
  const problems: { problem: string; cure: string }[] = []
  if (!publication.complete) {
    problems.push({
      problem: 'does not publish every kind of change',
      cure: alter("publish = 'insert, update, delete, truncate'"),
    })
  }
  if (!publication.viaRoot) {
    problems.push({
      problem: 'publishes partitions instead of partitioned tables',
      cure: alter('publish_via_partition_root = true'),
    })
  }
  if (publication.generatedColumns) {
    problems.push({
      problem: 'publishes generated columns, which a snapshot leaves out',
      cure: alter('publish_generated_columns = none'),
    })
  }
  for (const table of publication.narrowed) {
    problems.push({
      problem: `has a row filter or column list for "${table}": changes would be missing`,
      cure: `Set the table again without one: alter publication ${quoteIdentifier(name)} drop table …, then add table …`,
    })
  }
  return problems
}

/**
 * Creates the publication for the tables, or brings an existing one in step: tables of the scope are added, tables that
 * left it are dropped. Throws `PRIVILEGE` with the statement for an administrator, `SOURCE_SETUP` when it cannot carry everything.
 */
export async function ensurePublication(
  session: Session,
  {
    name,
    integration,
    tables,
  }: { readonly name: string; readonly integration: string; readonly tables: readonly PublishedTable[] },
): Promise<void> {
  const existing = await readPublication(session, name)
  const quoted = quoteIdentifier(name)
  // ONLY: inheritance children are tables of their own; a partitioned table cannot take the word.
  const list = (items: readonly PublishedTable[]): string =>
    items.map((table) => `${table.kind === 'partitioned' ? '' : 'only '}${quoteTable(table.schema, table.name)}`).join(', ')
  if (existing === null) {
    const target = tables.length === 0 ? '' : ` for table ${list(tables)}`
    await change(
      session,
      name,
      `create publication ${quoted}${target} with (publish = 'insert, update, delete, truncate', publish_via_partition_root = true)`,
    )
    // Tells `remove` later that it was made here.
    await change(session, name, `comment on publication ${quoted} is ${quoteLiteral(markOf(integration))}`)
    return
  }
  const [problem] = publicationProblems(name, existing)
  if (problem !== undefined)
    throw new ConnectorError('SOURCE_SETUP', `Publication "${name}" ${problem.problem}. Run: ${problem.cure}`)
  if (existing.allTables || existing.schemas) return
  const missing = tables.filter((table) => !existing.tables.includes(table.oid))
  if (missing.length > 0) await change(session, name, `alter publication ${quoted} add table ${list(missing)}`)
  const extra = existing.tables.filter((oid) => !tables.some((table) => table.oid === oid))
  if (extra.length === 0) return
  const left = await session.rows<PublishedTable>(
    /* sql */ `select c.oid::text as oid, n.nspname as schema, c.relname as name,
        case when c.relkind = 'p' then 'partitioned' else 'table' end as kind from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.oid = any($1::oid[])`,
    [extra],
  )
  if (left.length > 0) await change(session, name, `alter publication ${quoted} drop table ${list(left)}`)
}

const markOf = (integration: string): string => `portage:${integration}`

/** Whether the publication was made by Portage for this integration. */
export async function isOurs(session: Session, name: string, integration: string): Promise<boolean> {
  const rows = await session.rows(
    /* sql */ `select 1 from pg_publication where pubname = $1 and obj_description(oid, 'pg_publication') = $2`,
    [name, markOf(integration)],
    `Reading publication "${name}"`,
  )
  return rows.length > 0
}

/** Oids of every table that the publication carries, however it names them. */
export async function publishedOids(session: Session, name: string): Promise<ReadonlySet<string>> {
  const rows = await session.rows<{ oid: string }>(
    /* sql */ `select c.oid::text as oid from pg_publication_tables t join pg_namespace n on n.nspname = t.schemaname
      join pg_class c on c.relnamespace = n.oid and c.relname = t.tablename where t.pubname = $1`,
    [name],
    `Reading publication "${name}"`,
  )
  return new Set(rows.map((row) => row.oid))
}

async function change(session: Session, name: string, statement: string): Promise<void> {
  try {
    await session.client.query(statement)
  } catch (error) {
    const state = sqlState(error)
    // Two runs at once, or two workers of one: whoever was first made it.
    if (state === '42710' && !statement.startsWith('alter')) return
    if (state === '42501') {
      throw new ConnectorError(
        'PRIVILEGE',
        `Publication "${name}" could not be set up: ${(error as Error).message}. Let an owner of the tables run: ${statement}`,
        { cause: error },
      )
    }
    throw new ConnectorError('SOURCE_SETUP', `Publication "${name}" could not be set up by: ${statement}`, { cause: error })
  }
}
