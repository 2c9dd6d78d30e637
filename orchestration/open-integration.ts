/** Opens everything that an integration needs, and closes it in the opposite order. */
import type { LoadedIntegration } from '../config/integration.ts'
import type { ObjectStore, Source } from '../connectors/ports.ts'
import type { PolicyRules } from '../integrations/capture/policies/rules.ts'
import type { Opener } from './open.ts'
import { policyRules } from './policies.ts'
import { projectionSettings } from './projection-settings.ts'
import type { OpenWarehouse } from './run-types.ts'
import { openSourceOf } from './scope.ts'

export type OpenIntegration = AsyncDisposable & {
  readonly source: Source
  readonly store: ObjectStore
  readonly warehouses: readonly OpenWarehouse[]
  readonly rules: PolicyRules
}

/** Lake first: when the source is away, nothing of it has been touched. Throws what opening throws; then nothing stays open. */
export async function openIntegration(
  integration: LoadedIntegration,
  opener: Opener,
  signal: AbortSignal,
): Promise<OpenIntegration> {
  await using stack = new AsyncDisposableStack()
  const store = stack.use(await opener.store(integration.lake.connection))
  const warehouses: OpenWarehouse[] = []
  for (const target of integration.register) {
    const { connection, schema, everyMs } = target
    const projection = projectionSettings(integration, target)
    warehouses.push({ connection, schema, everyMs, projection, warehouse: stack.use(await opener.warehouse(connection)) })
  }
  const source = stack.use(await openSourceOf(integration, opener, signal))
  const rules = policyRules(integration, opener)
  const kept = stack.move()
  return { source, store, warehouses, rules, [Symbol.asyncDispose]: () => kept.disposeAsync() }
}
