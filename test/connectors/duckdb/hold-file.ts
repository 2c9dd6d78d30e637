/** A process that has a database file open for writing until its standard input ends. `argv[2]`: the file. */
import { openDatabase } from '../../../connectors/duckdb/instance.ts'

const settings = { access: 'write', threads: 1, memoryLimit: null, temporaryDirectory: null } as const
await using _database = await openDatabase(process.argv[2] ?? '', settings)
process.stdout.write('held')
for await (const _ of process.stdin);
