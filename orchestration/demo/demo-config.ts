/** The configuration that the demo writes: what a user would write, and what the commands it prints work on. */
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

export type DemoPlaces = {
  /** Everything of the demo. */
  readonly dir: string
  readonly config: string
  readonly lake: string
  readonly warehouse: string
}

export const DEMO_INTEGRATION = 'loans'

export function demoPlaces(dir: string): DemoPlaces {
  return { dir, config: join(dir, 'config'), lake: join(dir, 'lake'), warehouse: join(dir, 'warehouse.duckdb') }
}

/** Empties the demo's directory and writes its configuration. The address of the server is a secret: a file of its own. */
export async function writeDemoConfig(places: DemoPlaces, url: string): Promise<void> {
  await rm(places.dir, { recursive: true, force: true, maxRetries: 3 })
  await mkdir(join(places.config, 'integrations'), { recursive: true })
  await writeFile(join(places.config, 'database-url'), `${url}\n`, { mode: 0o600 })
  await writeFile(join(places.config, 'connections.yaml'), connectionsYaml(places))
  await writeFile(join(places.config, 'integrations', `${DEMO_INTEGRATION}.yaml`), integrationYaml())
}

export function connectionsYaml({ lake, warehouse }: DemoPlaces): string {
  return `core:
  connector: postgres
  url: '\${file:database-url}'
lake:
  connector: filesystem
  path: ${JSON.stringify(lake)}
warehouse:
  connector: duckdb
  path: ${JSON.stringify(warehouse)}
`
}

export function integrationYaml(): string {
  return `name: ${DEMO_INTEGRATION}
source:
  connection: core
  tables: ['public.*']
lake: {connection: lake}
flush: {interval: 1s}
register:
  - {connection: warehouse, schema: ${DEMO_INTEGRATION}, every: 5s}
`
}
