/** A process that holds the lock of a views file until its standard input ends. `argv[2]`: the views file. */
import { withFileLock } from '../../../connectors/duckdb/lock.ts'

const environment = { now: () => new Date(), sleep: async () => {} }
await withFileLock(process.argv[2] ?? '', environment, new AbortController().signal, async () => {
  process.stdout.write('held')
  for await (const _ of process.stdin);
})
