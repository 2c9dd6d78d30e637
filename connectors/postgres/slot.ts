/** The replication slot: created, checked against the log that continues from it, taken over, dropped. */
import { ConnectorError } from '../errors.ts'
import type { Environment, PrepareRequest } from '../ports.ts'
import type { Session } from './connect.ts'
import { formatLsn, parseLsn } from './decode/position.ts'
import { quoteIdentifier } from './identifiers.ts'
import { connectorError } from './server-error.ts'

export type SlotState = {
  readonly plugin: string
  readonly database: string | null
  readonly activePid: number | null
  readonly confirmed: bigint | null
  readonly walStatus: string | null
  /** Log bytes the server keeps for it. */
  readonly retainedBytes: number | null
  /** Log bytes not yet confirmed. */
  readonly lagBytes: number | null
}

/** Null when there is no slot of that name. */
export async function readSlot(session: Session, name: string): Promise<SlotState | null> {
  const [row] = await session.rows<{
    plugin: string
    database: string | null
    pid: number | null
    confirmed: string | null
    status: string | null
    retained: string | null
    lag: string | null
  }>(
    /* sql */ `select plugin, database, active_pid as pid, confirmed_flush_lsn::text as confirmed, wal_status as status,
        pg_wal_lsn_diff(l.lsn, restart_lsn)::text as retained, pg_wal_lsn_diff(l.lsn, confirmed_flush_lsn)::text as lag
      from pg_replication_slots, lateral (
        select case when pg_is_in_recovery() then pg_last_wal_replay_lsn() else pg_current_wal_lsn() end as lsn) l
      where slot_name = $1`,
    [name],
    `Reading replication slot "${name}"`,
  )
  if (row === undefined) return null
  return {
    plugin: row.plugin,
    database: row.database,
    activePid: row.pid,
    confirmed: row.confirmed === null ? null : parseLsn(row.confirmed),
    walStatus: row.status,
    retainedBytes: row.retained === null ? null : Number(row.retained),
    lagBytes: row.lag === null ? null : Math.max(0, Number(row.lag)),
  }
}

export type SlotRequest = {
  readonly name: string
  /** For the cure in messages. */
  readonly integration: string
  readonly database: string
  /** LSN of the newest commit's cut; null on a first run. */
  readonly from: bigint | null
  readonly takeOver: PrepareRequest['takeOver']
}

type SlotTools = {
  readonly control: Session
  /** Opens a replication session. */
  readonly replication: () => Promise<Session>
  /** Ends the backend of a session that waits. */
  readonly terminate: (session: Session) => Promise<void>
  readonly environment: Environment
  readonly onWait: (message: string) => void
  readonly signal: AbortSignal
}

/**
 * Makes sure that the slot holds everything from `from` on and is free; creates it on a first run. Answers where it
 * stands. Throws `SLOT_LOST`, `SLOT_AHEAD`, `SLOT_IN_USE`, `SOURCE_SETUP`.
 */
export async function ensureSlot(request: SlotRequest, tools: SlotTools): Promise<bigint> {
  const { name, from } = request
  const slot = await readSlot(tools.control, name)
  if (slot === null) {
    if (from !== null) {
      throw new ConnectorError(
        'SLOT_LOST',
        `Replication slot "${name}" does not exist, but the log continues from ${formatLsn(from)}. Run "portage resync ${request.integration} --all" to take new snapshots`,
      )
    }
    return createSlot(name, tools)
  }
  refuseUnusable(slot, request)
  await freeSlot(slot, request, tools)
  // The former holder may have moved it until the moment it was ended.
  const settled = (await readSlot(tools.control, name)) ?? slot
  const confirmed = settled.confirmed ?? 0n
  if (from !== null && confirmed > from) {
    throw new ConnectorError(
      'SLOT_AHEAD',
      `Replication slot "${name}" was advanced to ${formatLsn(confirmed)}, beyond the newest commit at ${formatLsn(from)}: ` +
        `the changes in between are no longer sent. Run "portage resync ${request.integration} --all" to take new snapshots`,
    )
  }
  return confirmed
}

function refuseUnusable(slot: SlotState, { name, integration, database }: SlotRequest): void {
  if (slot.walStatus === 'lost') {
    throw new ConnectorError(
      'SLOT_LOST',
      `Replication slot "${name}" was invalidated (wal_status=lost). Raise max_slot_wal_keep_size and run "portage resync ${integration} --all" to take new snapshots`,
    )
  }
  if (slot.plugin !== 'pgoutput' || slot.database !== database) {
    throw new ConnectorError(
      'SOURCE_SETUP',
      `Replication slot "${name}" belongs to plugin "${slot.plugin}" in database "${slot.database ?? ''}"; expected pgoutput in "${database}". ` +
        'Name another slot in the integration, or drop this one',
    )
  }
}

const TAKE_OVER_POLL_MS = 100
const TAKE_OVER_ATTEMPTS = 100

async function freeSlot(slot: SlotState, request: SlotRequest, tools: SlotTools): Promise<void> {
  if (slot.activePid === null) return
  const { name } = request
  if (!request.takeOver) throw await slotInUse(tools.control, name, slot.activePid)
  tools.onWait(`Replication slot "${name}" is taken over from ${await describeBackend(tools.control, slot.activePid)}`)
  await tools.control.rows(
    /* sql */ `select pg_terminate_backend($1)`,
    [slot.activePid],
    `Ending the session that holds replication slot "${name}" (grant pg_signal_backend, or end pid ${slot.activePid} yourself)`,
  )
  for (let attempt = 0; attempt < TAKE_OVER_ATTEMPTS; attempt++) {
    const now = await readSlot(tools.control, name)
    if (now === null || now.activePid === null) return
    await tools.environment.sleep(TAKE_OVER_POLL_MS, tools.signal)
  }
  throw await slotInUse(tools.control, name, slot.activePid)
}

/** Names the holder: pid, application, address. */
export async function slotInUse(control: Session, name: string, pid: number | null): Promise<ConnectorError> {
  const holder = pid === null ? 'another session' : await describeBackend(control, pid)
  return new ConnectorError('SLOT_IN_USE', `Replication slot "${name}" is held by ${holder}. Stop it, or let this run take over`)
}

async function describeBackend(control: Session, pid: number): Promise<string> {
  const [row] = await control.rows<{ application: string | null; address: string | null; user: string | null }>(
    /* sql */ `select application_name as application, client_addr::text as address, usename as user from pg_stat_activity where pid = $1`,
    [pid],
  )
  const parts = [
    row?.application ? `application "${row.application}"` : null,
    row?.user ? `user "${row.user}"` : null,
    row?.address ? `from ${row.address}` : null,
  ]
  return `pid ${pid} (${parts.filter((part) => part !== null).join(', ') || 'no longer listed'})`
}

async function createSlot(name: string, tools: SlotTools): Promise<bigint> {
  await using session = await tools.replication()
  const sql = `CREATE_REPLICATION_SLOT ${quoteIdentifier(name)} LOGICAL pgoutput NOEXPORT_SNAPSHOT`
  const created = await createWatched(session, sql, name, tools)
  return parseLsn(created.consistent_point)
}

export type CreatedSlot = { readonly consistent_point: string; readonly snapshot_name: string | null }

const WATCH_MS = 1000

/**
 * Runs a CREATE_REPLICATION_SLOT, which waits for every transaction that was open before it: `onWait` is told their pids.
 * An abort cancels the waiting backend.
 */
export async function createWatched(
  session: Session,
  sql: string,
  name: string,
  tools: Omit<SlotTools, 'replication'>,
): Promise<CreatedSlot> {
  const subject = `Creating replication slot "${name}"`
  if (tools.signal.aborted) throw connectorError(tools.signal.reason, subject, tools.signal)
  const watching = new AbortController()
  const either = AbortSignal.any([tools.signal, watching.signal])
  let cancelled: Promise<void> | null = null
  const cancel = () => {
    // Not through `control`, which the same abort ends.
    cancelled = tools.terminate(session).catch(() => {})
  }
  tools.signal.addEventListener('abort', cancel, { once: true })
  const watcher = watch(session.pid, name, tools, either)
  try {
    const { rows } = await session.client.query<CreatedSlot>(sql)
    const [created] = rows
    if (created === undefined) throw new ConnectorError('INTERNAL', `${subject} answered no row`)
    return created
  } catch (error) {
    throw connectorError(error, subject, tools.signal)
  } finally {
    watching.abort()
    tools.signal.removeEventListener('abort', cancel)
    await Promise.all([watcher, cancelled])
  }
}

async function watch(pid: number, name: string, tools: Omit<SlotTools, 'replication'>, signal: AbortSignal): Promise<void> {
  let told = ''
  try {
    for (;;) {
      await tools.environment.sleep(WATCH_MS, signal)
      const blockers = await tools.control.rows<{
        pid: number
        application: string | null
        user: string | null
        seconds: number | null
      }>(
        /* sql */ `select b.pid, a.application_name as application, a.usename as user,
            extract(epoch from now() - a.xact_start)::int as seconds
          from unnest(pg_blocking_pids($1)) b(pid) left join pg_stat_activity a on a.pid = b.pid order by b.pid`,
        [pid],
      )
      const message = blockers.map(describeBlocker).join('; ')
      if (message === '' || signal.aborted || key(blockers) === told) continue
      told = key(blockers)
      tools.onWait(`Replication slot "${name}" waits for transactions that were open before it: ${message}. End them, or wait`)
    }
  } catch (error) {
    // The creation itself reports what matters; a watcher that cannot look says nothing.
    if (!signal.aborted) tools.environment.log('debug', 'slot creation is no longer watched', { error: String(error) })
  }
}

const key = (blockers: readonly { pid: number }[]): string => blockers.map((blocker) => blocker.pid).join(',')

function describeBlocker(blocker: {
  pid: number
  application: string | null
  user: string | null
  seconds: number | null
}): string {
  if (blocker.pid === 0) return 'a prepared transaction (see pg_prepared_xacts)'
  const who = [
    blocker.application ? `application "${blocker.application}"` : null,
    blocker.user ? `user "${blocker.user}"` : null,
    blocker.seconds === null ? null : `open for ${blocker.seconds} s`,
  ].filter((part) => part !== null)
  return `pid ${blocker.pid}${who.length === 0 ? '' : ` (${who.join(', ')})`}`
}
