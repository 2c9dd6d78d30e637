/** One CSV file to Parquet, in a process of its own: by `portage transfer` into a lake, or by DuckDB. Prints time, CPU and peak as JSON. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { main } from '../../orchestration/cli.ts'

const [engine = '', file = '', directory = ''] = process.argv.slice(2)
const began = performance.now()
if (engine === 'duckdb') {
  const instance = await DuckDBInstance.create(':memory:', { threads: '1', memory_limit: '1GB' })
  const connection = await instance.connect()
  await connection.run(
    `copy (select * from read_csv('${file}')) to '${join(directory, 'x.parquet')}' (format parquet, codec zstd)`,
  )
} else {
  writeFileSync(join(directory, 'connections.yaml'), `lake: {connector: filesystem, path: '${join(directory, 'lake')}'}\n`)
  const argv = ['transfer', `file:${file}`, 'lake:x', '--config', directory, '--state', directory, '--json']
  const quiet = { write: async () => undefined, isTerminal: false, columns: () => 80 }
  const io = { stdout: quiet, stderr: quiet, env: {}, onSignal: () => () => undefined, kill: () => undefined }
  const code = await main(argv, io)
  if (code !== 0) throw new Error(`portage transfer ended with ${code}`)
}
const seconds = (performance.now() - began) / 1000
const { userCPUTime, systemCPUTime, maxRSS } = process.resourceUsage()
console.log(JSON.stringify({ seconds, cpuSeconds: (userCPUTime + systemCPUTime) / 1e6, peakMb: maxRSS / 1024 }))
