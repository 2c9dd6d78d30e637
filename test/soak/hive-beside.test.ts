/**
 * Readers beside registrations that replace the whole base each time, on a real HiveServer2 and a real Spark Thrift server: every
 * answer is one state or the next. `PORTAGE_BESIDE_ROUNDS` says how many registrations.
 */
import { expect, test } from 'vitest'
import { openHiveClient } from '../../connectors/hive/client/client.ts'
import { hiveOptions } from '../../connectors/hive/options.ts'
import { hiveWarehouse } from '../../connectors/hive/warehouse.ts'
import type { RegisteredFile } from '../../connectors/ports.ts'
import { s3Options } from '../../connectors/s3/options.ts'
import { openS3Store } from '../../connectors/s3/store.ts'
import { hiveEnvironment } from '../support/hive/environment.ts'
import { projected } from '../support/hive/projected.ts'
import { lakeRow } from '../support/lake-files.ts'
import { queryRows } from '../support/query-rows.ts'
import { startS3Endpoint } from '../support/s3/endpoint.ts'
import { scratch } from '../support/scratch.ts'
import { startHiveServer } from '../support/services/hive-server.ts'
import { startSparkThrift } from '../support/services/spark-thrift.ts'
import { cut, ID, row, STATUS, schemaOf, warehouseTables } from '../support/warehouse-tables.ts'

const KEYS = { accessKeyId: 'AKIAIOSFODNN7EXAMPLE', secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY' }
const ROUNDS = Number(process.env.PORTAGE_BESIDE_ROUNDS ?? 40)
const READERS = 2
const ROWS = [1n, 2n, 3n]

const SERVERS = [
  ['hive', startHiveServer],
  ['spark', startSparkThrift],
] as const

test.each(SERVERS)(
  'readers beside %s never see half a base, nor look for directories that vacuum deleted',
  async (dialect, start) => {
    await using stack = new AsyncDisposableStack()
    const { dir } = stack.use(scratch())
    const endpoint = stack.use(await startS3Endpoint({ ...KEYS, directory: dir, buckets: ['lake'] }))
    const server = stack.use(await start({ s3: { url: endpoint.url, ...KEYS } }))
    const secrets = { access_key_id: KEYS.accessKeyId, secret_access_key: KEYS.secretAccessKey }
    const store = stack.use(openS3Store(s3Options.parse({ bucket: 'lake', endpoint: endpoint.url, ...secrets }), hiveEnvironment))
    const session = dialect === 'hive' ? { 'hive.resultset.use.unique.column.names': 'false' } : {}
    const options = hiveOptions.parse({ host: server.host, port: server.port, dialect, session, proof: false })
    const open = () => stack.use(hiveWarehouse(openHiveClient(options, hiveEnvironment), options))
    const warehouse = projected(open(), store, 'orc')
    const { table, file, request } = warehouseTables(() => ({
      warehouse,
      store,
      reopen: async () => warehouse,
      [Symbol.asyncDispose]: async () => {},
    }))
    const signal = new AbortController().signal
    const changes: RegisteredFile[] = []
    const register = async (round: number) => {
      const rows = ROWS.map((id) => lakeRow('r', cut(10 + round * 10), { id, status: `${round}` }))
      const loan = await table('loan', schemaOf([ID, STATUS]), { base: [rows] })
      changes.push(await file(loan.schema, 'changes', [lakeRow('u', row(11 + round * 10), { id: 1n, status: `${round}` })]))
      await warehouse.register(request([{ ...loan, changes: [...changes] }]), signal)
    }
    const stateOf = (round: number) => ROWS.map((id) => `${id} | ${round}`).join('\n')
    const expected = new Set(Array.from({ length: ROUNDS + 1 }, (_, round) => stateOf(round)))
    const wrong: string[] = []
    let [answers, over] = [0, false]
    const read = async () => {
      const reader = open()
      while (!over) {
        const found = await queryRows(reader, 'select id, status from raw.loan').then(
          (lines) => lines.join('\n'),
          (error: unknown) => String(error),
        )
        answers += 1
        if (!expected.has(found)) wrong.push(found)
      }
    }
    await register(0)
    const begun = performance.now()
    const readers = Array.from({ length: READERS }, read)
    try {
      for (let round = 1; round <= ROUNDS; round++) await register(round)
    } finally {
      over = true
      await Promise.all(readers)
    }
    // The directory shown before the newest is still a partition; vacuum may delete it.
    const kept = await queryRows(warehouse, 'show partitions raw.portage_files__loan__1')
    const shown = (await warehouse.registered('loans', 'raw', signal))?.projected?.get('loan') ?? ''
    const retired = kept.map((line) => line.slice(line.indexOf('=') + 1)).filter((name) => !shown.includes(name))
    expect(retired.length).toBeGreaterThan(0)
    for await (const { key } of store.list('raw/', { signal })) {
      if (retired.some((name) => key.includes(`/${name}/`))) await store.delete([key], signal)
    }
    expect((await queryRows(open(), 'select id, status from raw.loan')).join('\n')).toBe(stateOf(ROUNDS))
    expect(await queryRows(open(), 'select id from raw.loan_changes')).toHaveLength(ROWS.length + ROUNDS + 1)
    await register(ROUNDS + 1)
    expect((await queryRows(open(), 'select id, status from raw.loan')).join('\n')).toBe(stateOf(ROUNDS + 1))
    console.log(
      `${dialect}: ${ROUNDS} registrations, ${answers} answers, ${wrong.length} wrong, ${Math.round((performance.now() - begun) / 1000)} s`,
    )
    expect(wrong).toEqual([])
  },
)
