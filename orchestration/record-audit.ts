/** Writes what a command did to an integration into the audit trail of its lake. */
import type { LoadedIntegration } from '../config/integration.ts'
import type { Environment, ObjectStore } from '../connectors/ports.ts'
import type { RefusedTable } from '../integrations/register/refused.ts'
import { type AuditEvent, appendAudit } from './audit.ts'

export type AuditNote = Pick<AuditEvent, 'event' | 'details'>

export type AuditSubject = {
  readonly store: ObjectStore
  readonly integration: LoadedIntegration
  readonly environment: Environment
  readonly by: string
}

/** One per table that a warehouse refused. Pure. */
export function refusedNotes(
  place: { readonly connection: string; readonly schema: string },
  tables: readonly RefusedTable[],
  redact: (text: string) => string,
): readonly AuditNote[] {
  const { connection, schema } = place
  return tables.map(({ table, shown, code, reason }) => ({
    event: 'register.refused',
    details: { connection, schema, table, shown, code, reason: redact(reason) },
  }))
}

const TIMEOUT_MS = 30_000

/** Durable when it settles. Takes no signal: what was done is recorded although the command was told to stop meanwhile. */
export async function recordAudit({ store, integration, environment, by }: AuditSubject, note: AuditNote): Promise<void> {
  const draft = { at: environment.now().toISOString(), by, integration: integration.name, ...note }
  await appendAudit(store, integration.lake.prefix, draft, AbortSignal.timeout(TIMEOUT_MS))
}
