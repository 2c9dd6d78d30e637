/**
 * The warehouse contract, and registrations struck at each of their statements, on a real HiveServer2 and a real Spark Thrift
 * server; their ORC files in a bucket of our S3 endpoint.
 */
import { openHiveClient } from '../../connectors/hive/client/client.ts'
import { hiveOptions } from '../../connectors/hive/options.ts'
import { hiveWarehouse } from '../../connectors/hive/warehouse.ts'
import { s3Options } from '../../connectors/s3/options.ts'
import { openS3Store } from '../../connectors/s3/store.ts'
import { warehouseContract } from '../contracts/warehouse.ts'
import { hiveEnvironment } from '../support/hive/environment.ts'
import { interruptedSuite } from '../support/hive/interrupted.ts'
import { projected } from '../support/hive/projected.ts'
import { startS3Endpoint } from '../support/s3/endpoint.ts'
import { scratch } from '../support/scratch.ts'
import { startHiveServer } from '../support/services/hive-server.ts'
import { startSparkThrift } from '../support/services/spark-thrift.ts'

const KEYS = { accessKeyId: 'AKIAIOSFODNN7EXAMPLE', secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY' }

for (const dialect of ['hive', 'spark'] as const) {
  const open = async () => {
    await using stack = new AsyncDisposableStack()
    const directory = stack.use(scratch())
    const endpoint = await startS3Endpoint({ ...KEYS, directory: directory.dir, buckets: ['lake'] })
    stack.defer(() => endpoint.close())
    const start = dialect === 'hive' ? startHiveServer : startSparkThrift
    const server = stack.use(await start({ s3: { url: endpoint.url, ...KEYS } }))
    const lake = s3Options.parse({
      bucket: 'lake',
      endpoint: endpoint.url,
      access_key_id: KEYS.accessKeyId,
      secret_access_key: KEYS.secretAccessKey,
    })
    const store = stack.use(openS3Store(lake, hiveEnvironment))
    const session = dialect === 'hive' ? { 'hive.resultset.use.unique.column.names': 'false' } : {}
    const options = hiveOptions.parse({ host: server.host, port: server.port, dialect, session })
    // With pauses: a server that is asked without any works for the questions.
    const clients = [openHiveClient(options, hiveEnvironment), openHiveClient(options, hiveEnvironment)] as const
    for (const client of clients) stack.use(client)
    const kept = stack.move()
    return { options, store, clients, [Symbol.asyncDispose]: () => kept.disposeAsync() }
  }

  warehouseContract(`${dialect}, a real server`, async () => {
    const { options, store, clients, ...closing } = await open()
    const [warehouse, again] = clients.map((client) => projected(hiveWarehouse(client, options), store, 'orc'))
    if (warehouse === undefined || again === undefined) throw new Error('no client')
    return {
      warehouse,
      store,
      reopen: async () => again,
      shows: {
        // The last second before 1970 with a fraction, which is among the contract's values, cannot be in ORC.
        type: (type) => (type.kind !== 'timestamp' ? type : type.utc ? { kind: 'timestamp', utc: false } : null),
        text: (text) => text,
      },
      ...closing,
    }
  })

  interruptedSuite(`${dialect}, a real server,`, async () => {
    const { store, clients, ...closing } = await open()
    const stride = Number(process.env.PORTAGE_SOAK_STRIDE ?? 1)
    return { dialect, store, client: clients[0], format: 'orc', always: false, stride, ...closing }
  })
}
