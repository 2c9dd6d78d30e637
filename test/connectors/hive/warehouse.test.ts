import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openFilesystemStore } from '../../../connectors/filesystem/store.ts'
import { hiveWarehouse } from '../../../connectors/hive/warehouse.ts'
import { warehouseContract } from '../../contracts/warehouse.ts'
import { openMetastore } from '../../support/hive/metastore/engine.ts'
import { projected } from '../../support/hive/projected.ts'
import { quietEnvironment } from '../../support/lake.ts'

for (const dialect of ['hive', 'spark'] as const) {
  warehouseContract(dialect, async () => {
    const directory = await mkdtemp(join(tmpdir(), 'portage-hive-'))
    const metastore = openMetastore(dialect)
    const store = await openFilesystemStore(directory, quietEnvironment())
    const settings = { dialect, host: 'localhost', port: 10_000, s3_scheme: 's3a', proof: true } as const
    const open = () => projected(hiveWarehouse(metastore.session(), settings), store, 'parquet')
    return {
      warehouse: open(),
      store,
      reopen: async () => open(),
      shows: {
        type: (type) => (type.kind === 'timestamp' ? { kind: 'timestamp', utc: false } : type),
        text: (text) => text,
      },
      [Symbol.asyncDispose]: async () => {
        await metastore[Symbol.asyncDispose]()
        await rm(directory, { recursive: true })
      },
    }
  })
}
