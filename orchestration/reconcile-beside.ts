/** `reconcile: {every: 1h}`: a run compares source, lake and warehouses at that rhythm, beside its own work. */
import type { LoadedIntegration } from '../config/integration.ts'
import { counted, durationText } from './format/quantities.ts'
import { type ReconcileScope, reconcileIntegration } from './reconcile-command.ts'
import type { ProgressEvent } from './run-types.ts'
import type { Session } from './session.ts'

const WHOLE: Omit<ReconcileScope, 'onEvent'> = { tables: null, sample: 1, deep: false }

/**
 * Until the signal. What is found is told without keys and recorded in the audit trail; a comparison that fails is told, and tried
 * again at the next turn: proof must never hold landing back.
 */
export async function reconcileBeside(
  session: Pick<Session, 'opener' | 'environment' | 'by'>,
  integration: LoadedIntegration,
  emit: (event: ProgressEvent) => void,
  signal: AbortSignal,
): Promise<void> {
  if (integration.reconcile === null) return
  const { environment } = session
  const warn = (message: string) => emit({ kind: 'warning', message })
  const again = `"portage reconcile ${integration.name}" shows the keys`
  while (!signal.aborted) {
    try {
      await environment.sleep(integration.reconcile.everyMs, signal)
      const report = await reconcileIntegration(integration, session, { ...WHOLE, onEvent: () => undefined }, signal)
      for (const { table, verdict, reason } of report.tables) {
        if (verdict === 'different') warn(`!!! ${table} DIFFERS between source, lake and warehouses: ${again}`)
        else if (verdict !== 'equal') warn(`${table} could not be compared: ${reason ?? verdict}`)
      }
      if (report.verdict === 'equal') {
        const detail = `${counted(report.tables.length, 'table')} equal, in ${durationText(report.seconds * 1000)}`
        emit({ kind: 'step', step: 'reconcile', detail })
      }
    } catch (error) {
      if (signal.aborted) return
      warn(`The comparison did not succeed: ${error instanceof Error ? error.message : String(error)}`)
    }
  }
}
