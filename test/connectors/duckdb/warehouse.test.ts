import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openDuckdbWarehouse } from '../../../connectors/duckdb/warehouse.ts'
import { openFilesystemStore } from '../../../connectors/filesystem/store.ts'
import { openMemoryStore } from '../../../connectors/memory/store.ts'
import { warehouseContract } from '../../contracts/warehouse.ts'
import { quietEnvironment } from '../../support/lake.ts'

warehouseContract('duckdb', async () => {
  // Quotes and pattern characters, which every path of a real machine may have.
  const directory = await mkdtemp(join(tmpdir(), "portage it's [a] *-"))
  const environment = { ...quietEnvironment(), stateDir: directory }
  const open = () => openDuckdbWarehouse({}, environment)
  return {
    warehouse: await open(),
    store: await openFilesystemStore(join(directory, 'lake'), environment),
    reopen: open,
    [Symbol.asyncDispose]: () => rm(directory, { recursive: true }),
  }
})

warehouseContract('duckdb over a lake that is not on this machine', async () => {
  const directory = await mkdtemp(join(tmpdir(), "portage it's [a] *-"))
  const environment = { ...quietEnvironment(), stateDir: directory }
  const open = () => openDuckdbWarehouse({}, environment)
  return {
    warehouse: await open(),
    store: openMemoryStore(environment),
    reopen: open,
    [Symbol.asyncDispose]: () => rm(directory, { recursive: true }),
  }
})
