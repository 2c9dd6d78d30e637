import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openFilesystemStore } from '../../../connectors/filesystem/store.ts'
import { openMemoryWarehouse } from '../../../connectors/memory/warehouse.ts'
import { warehouseContract } from '../../contracts/warehouse.ts'
import { quietEnvironment } from '../../support/lake.ts'
import { readLakeFile } from '../../support/lake-files.ts'

warehouseContract('memory', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'portage-memory-warehouse-'))
  const warehouse = openMemoryWarehouse(readLakeFile)
  return {
    warehouse,
    store: await openFilesystemStore(directory, quietEnvironment()),
    reopen: async () => warehouse,
    [Symbol.asyncDispose]: () => rm(directory, { recursive: true }),
  }
})
