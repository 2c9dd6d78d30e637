import { expect, test } from 'vitest'
import { CONNECTOR_NAMES, loadConnector } from '../../orchestration/registry.ts'
import { connectorContract } from '../contracts/connector.ts'

const EXPECTED: Readonly<Record<string, Parameters<typeof connectorContract>[2]>> = {
  postgres: { minimal: { url: 'postgres://localhost/core' }, roles: ['openSource'] },
  filesystem: { minimal: { path: 'lake' }, roles: ['openStore'] },
  s3: { minimal: { bucket: 'my-lake' }, roles: ['openStore'] },
  duckdb: { minimal: {}, roles: ['openWarehouse'] },
  hive: { minimal: { host: 'localhost' }, roles: ['openWarehouse'] },
  snowflake: { minimal: { account: 'acme-prod', token: 't' }, roles: ['openWarehouse'] },
  memory: { minimal: {}, roles: ['openSource', 'openStore', 'openNotifier', 'openOnlineStore'] },
}

for (const name of CONNECTOR_NAMES) {
  connectorContract(name, () => loadConnector(name), EXPECTED[name] ?? { minimal: {}, roles: [] })
}

test('a name that is not registered is null', async () => {
  expect(await loadConnector('oracle')).toBeNull()
})
