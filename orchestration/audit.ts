/**
 * The audit trail: `<prefix>/_portage/audit/<20 digits>.json`, numbered from 1 and put if absent, each event with the SHA-256 of
 * the bytes of the one before it. Who did what when; never a row value.
 */
import { createHash } from 'node:crypto'
import { ConnectorError } from '../connectors/errors.ts'
import type { ObjectStore } from '../connectors/ports.ts'

export type AuditKind =
  | 'run.begin'
  | 'run.end'
  | 'run.fail'
  | 'transfer'
  | 'register'
  | 'register.refused'
  | 'schema.apply'
  | 'remove'
  | 'features.materialize'
  | 'compact'
  | 'vacuum'
  | 'history.drop'
  | 'reconcile'
  | 'resync.rows'

export type AuditEvent = {
  readonly number: number
  /** ISO-8601 UTC. */
  readonly at: string
  readonly by: string
  readonly integration: string
  readonly event: AuditKind
  readonly details: Readonly<Record<string, string | number | boolean | null>>
  /** SHA-256 of the previous event's bytes, lower-case hex; null in the first. */
  readonly previous: string | null
}

export type AuditDraft = Omit<AuditEvent, 'number' | 'previous'>

/** One finding of `verifyAudit`: an event that is missing, unreadable or not the one its successor names. */
export type AuditBreak = { readonly number: number; readonly problem: string }

/** Appends after the newest event, whoever else appends at the same time. Settles when it is durable. */
export async function appendAudit(
  store: ObjectStore,
  prefix: string,
  draft: AuditDraft,
  signal: AbortSignal,
): Promise<AuditEvent> {
  for (let number = (await newestNumber(store, prefix, signal)) + 1; ; number++) {
    const previous = number === 1 ? null : await digestOf(store, prefix, number - 1, signal)
    const event: AuditEvent = { number, ...draft, previous }
    const bytes = new TextEncoder().encode(`${JSON.stringify(event)}\n`)
    if ((await store.putIfAbsent(auditKey(prefix, number), bytes, signal)) === 'created') return event
  }
}

/** Every event in order. Throws `CORRUPT` for one that cannot be read. */
export async function* readAudit(store: ObjectStore, prefix: string, signal: AbortSignal): AsyncGenerator<AuditEvent> {
  for await (const { event } of eachEvent(store, prefix, signal)) {
    if (typeof event === 'string') throw new ConnectorError('CORRUPT', event)
    yield event
  }
}

/** Breaks of the chain, in order; empty when every event is there and follows the one before. */
export async function verifyAudit(
  store: ObjectStore,
  prefix: string,
  signal: AbortSignal,
): Promise<{ readonly events: number; readonly breaks: readonly AuditBreak[] }> {
  const breaks: AuditBreak[] = []
  let events = 0
  let expected = 1
  let digest: string | null = null
  for await (const { number, bytes, event } of eachEvent(store, prefix, signal)) {
    for (; expected < number; expected++) breaks.push({ number: expected, problem: 'is missing' })
    if (typeof event === 'string') breaks.push({ number, problem: event })
    else {
      if (event.number !== number) breaks.push({ number, problem: `says that it is number ${event.number}` })
      if (event.previous !== digest) breaks.push({ number, problem: 'does not follow the event before it' })
    }
    digest = sha256(bytes)
    events += 1
    expected = number + 1
  }
  return { events, breaks }
}

function auditPrefix(prefix: string): string {
  const trimmed = prefix.replace(/^\/+|\/+$/g, '')
  return `${trimmed === '' ? '' : `${trimmed}/`}_portage/audit/`
}

function auditKey(prefix: string, number: number): string {
  return `${auditPrefix(prefix)}${String(number).padStart(20, '0')}.json`
}

/** Numbers are contiguous, so the newest is found in logarithmically many looks. */
async function newestNumber(store: ObjectStore, prefix: string, signal: AbortSignal): Promise<number> {
  const exists = async (number: number): Promise<boolean> => (await store.head(auditKey(prefix, number), signal)) !== null
  let absent = 1
  while (await exists(absent)) absent *= 2
  let present = Math.floor(absent / 2)
  while (absent - present > 1) {
    const middle = Math.floor((present + absent) / 2)
    if (await exists(middle)) present = middle
    else absent = middle
  }
  return present
}

async function digestOf(store: ObjectStore, prefix: string, number: number, signal: AbortSignal): Promise<string> {
  const bytes = await store.get(auditKey(prefix, number), { signal })
  if (bytes === null) throw new ConnectorError('CORRUPT', `Audit event ${number} is missing; run "portage audit --verify"`)
  return sha256(bytes)
}

type Found = { readonly number: number; readonly bytes: Uint8Array; readonly event: AuditEvent | string }

async function* eachEvent(store: ObjectStore, prefix: string, signal: AbortSignal): AsyncGenerator<Found> {
  for await (const { key } of store.list(auditPrefix(prefix), { signal })) {
    const digits = /\/_portage\/audit\/(\d{20})\.json$/.exec(`/${key}`)?.[1]
    if (digits === undefined) continue
    const bytes = (await store.get(key, { signal })) ?? new Uint8Array()
    yield { number: Number(digits), bytes, event: decode(bytes, Number(digits)) }
  }
}

/** The event, or in words why it cannot be read. */
function decode(bytes: Uint8Array, number: number): AuditEvent | string {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)) as AuditEvent
  } catch {
    return `Audit event ${number} cannot be read; run "portage audit --verify"`
  }
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}
