import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { loadConfiguration } from '../../config/load.ts'
import type { TableName } from '../../connectors/change.ts'
import type { DiscoveredTable } from '../../connectors/ports.ts'
import { SAMPLE_INTEGRATION, sampleConnections } from '../../orchestration/dev/sample-config.ts'
import { connectionsYaml, integrationYaml } from '../../orchestration/scaffold.ts'
import { scratch } from '../support/scratch.ts'

const repository = (file: string): string => readFileSync(new URL(`../../config/${file}`, import.meta.url), 'utf8')

const table = (name: string, over: Partial<Pick<DiscoveredTable, 'key' | 'advice'>> = {}): DiscoveredTable => ({
  table: name as TableName,
  id: '1',
  storage: '1',
  definition: '1',
  columns: [{ id: 1, name: 'id', type: { kind: 'int64' }, sourceType: 'bigint', nullable: false }],
  key: [1],
  identity: 'default',
  estimatedRows: 167_000,
  bytes: 12_345_678,
  advice: [],
  ...over,
})

const address = {
  host: 'db.example',
  port: 5432,
  user: 'me',
  database: 'core',
  sslmode: 'verify-full',
  passwordVariable: 'CORE_PASSWORD',
}

test('what is scaffolded loads without a problem, whatever tables and columns are called', () => {
  const tables = [
    table('public.loan', {
      advice: [{ column: 'amount', problem: 'numeric without a precision\nis text', cure: 'give a type' }],
    }),
    table('sales.log', { key: [], advice: [{ column: null, problem: 'no key', cure: 'replica identity full' }] }),
    table("odd's.x\ny: {"),
  ]
  using root = scratch({
    'connections.yaml': connectionsYaml('core', { ...address, user: 'yes', database: 'a b: #{' }),
    'integrations/core.yaml': integrationYaml({ name: 'core', connection: 'core', tables }),
  })
  const { integrations, connections } = loadConfiguration(root.dir)
  expect(integrations[0]).toMatchObject({
    name: 'core',
    onBadValue: 'reject',
    source: { tables: ["odd's.*", 'public.*', 'sales.*'] },
    register: [{ connection: 'duckdb', schema: 'core' }],
  })
  expect(connections.get('core')?.options).toMatchObject({ user: 'yes', database: 'a b: #{', password: `\${env:CORE_PASSWORD}` })
})

test('the integration file is the golden one', async () => {
  const advice = [
    {
      column: 'amount',
      problem: 'numeric without a precision is carried as text',
      cure: "type: 'decimal(18,4)' carries it as a number",
    },
  ]
  const text = integrationYaml({
    name: 'core',
    connection: 'core',
    tables: [table('public.client'), table('public.loan', { advice })],
  })
  await expect(text).toMatchFileSnapshot('../golden/init/integration.yaml')
  await expect(connectionsYaml('core', address)).toMatchFileSnapshot('../golden/init/connections.yaml')
})

test('the configuration of the repository is the one that "portage dev up" is for', () => {
  expect(repository('connections.yaml')).toBe(sampleConnections('../.portage'))
  expect(repository('integrations/loans.yaml')).toBe(SAMPLE_INTEGRATION)
  const root = new URL('../../config', import.meta.url).pathname
  expect(loadConfiguration(root).integrations.map(({ name }) => name)).toEqual(['loans'])
})
