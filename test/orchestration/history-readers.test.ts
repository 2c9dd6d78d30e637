import { expect, test } from 'vitest'
import type { LoadedIntegration } from '../../config/integration.ts'
import { openMemoryStore } from '../../connectors/memory/store.ts'
import { openLog } from '../../integrations/land/log/log.ts'
import { madeFromHistory } from '../../orchestration/history-readers.ts'
import { quietEnvironment } from '../support/lake.ts'

const signal = new AbortController().signal

test('feature tables that are made from an integration are found, however many logs the lake has', async () => {
  const store = openMemoryStore(quietEnvironment())
  const make = async (integration: string, database: string): Promise<void> => {
    const log = await openLog({ store, prefix: 'raw', integration, environment: quietEnvironment(), by: 'test', signal })
    await log.claim(signal)
    const source = { system: 'features', timeline: 1, database, version: '1', epoch: 1 }
    await log.append(() => ({ kind: 'heartbeat', source }), signal)
  }
  await make('features_risk', 'loans')
  await make('features_risk_2', 'loans')
  await make('features_other', 'cards')
  await make('loans', 'core')
  await make('zebra', 'loans')
  const loans = { name: 'loans', lake: { prefix: '/raw/' } } as LoadedIntegration
  expect(await madeFromHistory(loans, store, signal)).toEqual(['features_risk', 'features_risk_2'])
  expect(await madeFromHistory({ ...loans, name: 'none' }, store, signal)).toEqual([])
})
