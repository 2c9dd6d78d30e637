/** Everything that would stop or endanger a replication, found at once; nothing is changed. */
import { ConnectorError } from '../errors.ts'
import type { Problem, SourceScope } from '../ports.ts'
import { inScope } from '../table-patterns.ts'
import { type CatalogueTable, readCatalogue } from './catalogue.ts'
import type { Session } from './connect.ts'
import { quoteIdentifier, quoteTable } from './identifiers.ts'
import { endpointName, endpointOf } from './options.ts'
import { planTable, readTypedCatalogue } from './planned-table.ts'
import { type Publication, publicationProblems, publishedOids, readPublication } from './publication.ts'
import type { Sessions } from './sessions.ts'
import { readSlot } from './slot.ts'
import { tableErrors } from './table-problems.ts'

const MINIMUM_VERSION = 140_000

type Server = {
  readonly version: number
  readonly versionName: string
  readonly walLevel: string
  readonly user: string
  readonly database: string
  readonly replication: boolean
  readonly canCreate: boolean
  readonly standby: boolean
  readonly backend: number
  readonly slots: number
  readonly usedSlots: number
  readonly senders: number
  readonly usedSenders: number
  readonly keepSize: string
  /** PostgreSQL 18: an idle slot is given up after this long; null before. */
  readonly idleTimeout: string | null
}

const SERVER = /* sql */ `
  select current_setting('server_version_num')::int as version, current_setting('server_version') as "versionName",
    current_setting('wal_level') as "walLevel", current_user as user, current_database() as database,
    (r.rolreplication or r.rolsuper or exists (
      select 1 from pg_roles p where p.rolname = 'rds_replication' and pg_has_role(current_user, p.oid, 'member'))) as replication,
    has_database_privilege(current_database(), 'create') as "canCreate", pg_is_in_recovery() as standby, pg_backend_pid() as backend,
    current_setting('max_replication_slots')::int as slots, (select count(*)::int from pg_replication_slots) as "usedSlots",
    current_setting('max_wal_senders')::int as senders, (select count(*)::int from pg_stat_replication) as "usedSenders",
    current_setting('max_slot_wal_keep_size') as "keepSize",
    current_setting('idle_replication_slot_timeout', true) as "idleTimeout"
  from pg_roles r where r.rolname = current_user`

export async function check(sessions: Sessions, scope: SourceScope, signal: AbortSignal): Promise<readonly Problem[]> {
  const subject = `PostgreSQL at ${endpointName(endpointOf(sessions.options))}`
  try {
    await using session = await sessions.acquire(signal)
    const [server] = await session.rows<Server>(SERVER, [], 'Reading the server’s settings')
    if (server === undefined) return []
    const problems = serverProblems(subject, server, session.pid)
    // Catalogue queries need the version; nothing below helps a server that is too old.
    if (server.version < MINIMUM_VERSION) return problems
    const tables = await readCatalogue(session, scope)
    const publication = await readPublication(session, scope.publication)
    return [
      ...problems,
      ...(await replicationProblems(sessions, subject, signal)),
      ...(await slotProblems(session, scope, server)),
      ...(await publicationFindings(session, scope, { publication, tables, server })),
      ...patternProblems(scope, tables),
      ...tables.flatMap((table) => findingsOf(table)),
      ...(await privilegeProblems(session, tables, server.user)),
      ...(await typeProblems(session, scope)),
    ]
  } catch (error) {
    if (error instanceof ConnectorError && error.code !== 'ABORTED') return [problemOf(subject, error)]
    throw error
  }
}

const error = (subject: string, problem: string, cure: string): Problem => ({ severity: 'error', subject, problem, cure })
const warning = (subject: string, problem: string, cure: string): Problem => ({ severity: 'warning', subject, problem, cure })

/** The message of an error says problem and cure in one. */
function problemOf(subject: string, failure: ConnectorError): Problem {
  const split = failure.message.lastIndexOf('. ')
  return split < 0
    ? error(subject, failure.message, 'See the message')
    : error(subject, failure.message.slice(0, split), failure.message.slice(split + 2))
}

function serverProblems(subject: string, server: Server, pid: number): Problem[] {
  const problems: Problem[] = []
  if (server.version < MINIMUM_VERSION) {
    problems.push(error(subject, `is version ${server.versionName}; expected 14 or newer`, 'Upgrade the server'))
  }
  if (server.walLevel !== 'logical') {
    problems.push(
      error(
        subject,
        `has wal_level=${server.walLevel}; expected logical`,
        'alter system set wal_level = logical; then restart the server',
      ),
    )
  }
  if (server.backend !== pid) {
    problems.push(
      error(subject, 'is reached through a connection pooler: another backend answers', 'Name the server’s own host and port'),
    )
  }
  if (server.standby) problems.push(error(subject, 'is a standby', 'Connect to the primary: publication and slot are made there'))
  if (!server.replication) {
    problems.push(
      error(
        `User "${server.user}"`,
        'may not replicate',
        `alter role ${quoteIdentifier(server.user)} replication (on RDS: grant rds_replication)`,
      ),
    )
  }
  if (server.keepSize === '-1') {
    problems.push(
      warning(
        subject,
        'keeps log for a stopped slot without limit (max_slot_wal_keep_size = -1): its disk can fill',
        "alter system set max_slot_wal_keep_size = '50GB'; then select pg_reload_conf()",
      ),
    )
  }
  if (server.idleTimeout !== null && server.idleTimeout !== '0') {
    problems.push(
      warning(
        subject,
        `gives a slot up when no run has used it for ${server.idleTimeout} (idle_replication_slot_timeout)`,
        'alter system set idle_replication_slot_timeout = 0; then select pg_reload_conf()',
      ),
    )
  }
  return problems
}

/** pg_hba.conf has entries of its own for replication. */
async function replicationProblems(sessions: Sessions, subject: string, signal: AbortSignal): Promise<Problem[]> {
  try {
    await using session = await sessions.replication(signal)
    await session.rows('IDENTIFY_SYSTEM', [], 'IDENTIFY_SYSTEM')
    return []
  } catch (failure) {
    if (!(failure instanceof ConnectorError) || failure.code === 'ABORTED') throw failure
    return [problemOf(`${subject}, replication`, failure)]
  }
}

async function slotProblems(session: Session, scope: SourceScope, server: Server): Promise<Problem[]> {
  const problems: Problem[] = []
  const subject = `Replication slot "${scope.slot}"`
  const slot = await readSlot(session, scope.slot)
  if (slot?.walStatus === 'lost')
    problems.push(
      error(
        subject,
        'was invalidated (wal_status=lost)',
        `Run "portage resync ${scope.integration} --all" to take new snapshots`,
      ),
    )
  if (slot !== null && (slot.plugin !== 'pgoutput' || slot.database !== server.database)) {
    problems.push(
      error(
        subject,
        `belongs to plugin "${slot.plugin}" in database "${slot.database ?? ''}"`,
        'Name another slot in the integration, or drop this one',
      ),
    )
  }
  if (slot !== null && slot.activePid !== null) {
    problems.push(
      warning(
        subject,
        `is in use by pid ${slot.activePid}`,
        'A second run takes over; stop the other one first if it should not',
      ),
    )
  }
  // One for the stream unless it is there, one for the snapshot.
  const wanted = slot === null ? 2 : 1
  const spare = server.slots - server.usedSlots
  if (spare < wanted) {
    problems.push(
      error(
        'max_replication_slots',
        `leaves ${spare} of ${server.slots} slots spare; expected at least ${wanted}`,
        `alter system set max_replication_slots = ${server.slots + wanted - spare}; then restart the server, or drop a slot that is no longer used`,
      ),
    )
  }
  const spareSenders = server.senders - server.usedSenders
  if (spareSenders < 2) {
    problems.push(
      error(
        'max_wal_senders',
        `leaves ${spareSenders} of ${server.senders} senders spare; expected at least 2`,
        `alter system set max_wal_senders = ${server.senders + 2 - spareSenders}; then restart the server`,
      ),
    )
  }
  return problems
}

async function publicationFindings(
  session: Session,
  scope: SourceScope,
  {
    publication,
    tables,
    server,
  }: { readonly publication: Publication | null; readonly tables: readonly CatalogueTable[]; readonly server: Server },
): Promise<Problem[]> {
  const subject = `Publication "${scope.publication}"`
  const foreign = await session.rows<{ name: string }>(
    /* sql */ `select n.nspname || '.' || c.relname as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
      where c.oid = any($1::oid[]) and not pg_has_role(c.relowner, 'usage') order by 1`,
    [tables.map((table) => table.oid)],
  )
  const list = (names: readonly string[]): string => names.map((name) => `"${name}"`).join(', ')
  if (publication === null) {
    const problems: Problem[] = []
    const sql = `create publication ${quoteIdentifier(scope.publication)} for table ${tables.map((table) => `only ${quoteTable(table.schema, table.name)}`).join(', ')} with (publish_via_partition_root = true)`
    if (!server.canCreate) {
      problems.push(
        error(
          subject,
          `does not exist, and user "${server.user}" may not create it`,
          `grant create on database ${quoteIdentifier(server.database)} to ${quoteIdentifier(server.user)}; or let an owner run: ${sql}`,
        ),
      )
    }
    if (foreign.length > 0) {
      problems.push(
        error(
          subject,
          `does not exist, and user "${server.user}" owns not ${list(foreign.map((row) => row.name))}`,
          `Let an owner of the tables run: ${sql}`,
        ),
      )
    }
    return problems
  }
  const problems = publicationProblems(scope.publication, publication).map((found) => error(subject, found.problem, found.cure))
  const published = await publishedOids(session, scope.publication)
  const missing = tables.filter((table) => !published.has(table.oid)).map((table) => `${table.schema}.${table.name}`)
  const stuck = missing.filter((name) => foreign.some((row) => row.name === name))
  if (stuck.length > 0) {
    problems.push(
      error(
        subject,
        `lacks ${list(stuck)}, which user "${server.user}" does not own`,
        'Let an owner add them to the publication',
      ),
    )
  }
  return problems
}

function patternProblems(scope: SourceScope, tables: readonly CatalogueTable[]): Problem[] {
  return scope.tables
    .filter((pattern) => !pattern.startsWith('!'))
    .filter((pattern) => !tables.some((table) => inScope([pattern], `${table.schema}.${table.name}`)))
    .map((pattern) =>
      error(`Pattern "${pattern}"`, 'matches no table', 'Correct it under source.tables ("portage discover" lists the tables)'),
    )
}

function findingsOf(table: CatalogueTable): Problem[] {
  const subject = `Table "${table.schema}.${table.name}"`
  const errors = tableErrors(table).map((found) => error(subject, found.problem, found.cure))
  if (table.generated.length === 0) return errors
  const names = table.generated.map((name) => `"${name}"`).join(', ')
  return [...errors, warning(subject, `has generated columns (${names}), which the log does not carry`, 'Compute them in a mart')]
}

async function privilegeProblems(session: Session, tables: readonly CatalogueTable[], user: string): Promise<Problem[]> {
  const rows = await session.rows<{ schema: string; name: string; usage: boolean; readable: boolean }>(
    /* sql */ `select n.nspname as schema, c.relname as name, has_schema_privilege(n.oid, 'usage') as usage,
        has_table_privilege(c.oid, 'select') as readable
      from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.oid = any($1::oid[]) order by 1, 2`,
    [tables.map((table) => table.oid)],
    'Reading privileges',
  )
  const schemas = new Set(rows.filter((row) => !row.usage).map((row) => row.schema))
  const role = quoteIdentifier(user)
  return [
    ...[...schemas].map((schema) =>
      error(`Schema "${schema}"`, `may not be used by "${user}"`, `grant usage on schema ${quoteIdentifier(schema)} to ${role}`),
    ),
    ...rows
      .filter((row) => !row.readable)
      .map((row) =>
        error(
          `Table "${row.schema}.${row.name}"`,
          `may not be read by "${user}"`,
          `grant select on ${quoteTable(row.schema, row.name)} to ${role}`,
        ),
      ),
  ]
}

/** Types that the configuration asks for and the columns cannot become. */
async function typeProblems(session: Session, scope: SourceScope): Promise<Problem[]> {
  const { tables, types } = await readTypedCatalogue(session, scope)
  return tables.flatMap((table) => {
    if (tableErrors(table).length > 0) return []
    try {
      planTable(table, types, scope)
      return []
    } catch (failure) {
      if (failure instanceof ConnectorError) return [problemOf(`Table "${table.schema}.${table.name}"`, failure)]
      throw failure
    }
  })
}
