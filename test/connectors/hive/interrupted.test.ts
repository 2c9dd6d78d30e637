import { openFilesystemStore } from '../../../connectors/filesystem/store.ts'
import { interruptedSuite } from '../../support/hive/interrupted.ts'
import { openMetastore } from '../../support/hive/metastore/engine.ts'
import { quietEnvironment } from '../../support/lake.ts'
import { scratch } from '../../support/scratch.ts'

for (const dialect of ['hive', 'spark'] as const) {
  interruptedSuite(dialect, async () => {
    await using stack = new AsyncDisposableStack()
    const directory = stack.use(scratch())
    const client = stack.use(openMetastore(dialect))
    const store = stack.use(await openFilesystemStore(directory.dir, quietEnvironment()))
    const kept = stack.move()
    // Every moment of one of the two: they differ in how a view is replaced, not in when.
    const always = dialect === 'hive'
    return { dialect, store, client, format: 'parquet', always, [Symbol.asyncDispose]: () => kept.disposeAsync() }
  })
}
