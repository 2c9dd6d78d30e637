/** Parquet files by DuckDB, as objects of the test account's bucket. */

import { readFileSync } from 'node:fs'
import { DuckDBInstance } from '@duckdb/node-api'
import type { SqlAccount } from './account-fixture.ts'

/** Writes the query's rows under the key; `options` of DuckDB's COPY. */
export async function putParquet(account: SqlAccount, key: string, query: string, options = ''): Promise<Uint8Array> {
  const instance = await DuckDBInstance.create(':memory:')
  const connection = await instance.connect()
  try {
    const path = account.put(key, new Uint8Array(0))
    await connection.run(`COPY (${query}) TO '${path}' (FORMAT PARQUET${options === '' ? '' : `, ${options}`})`)
    return readFileSync(path)
  } finally {
    connection.closeSync()
    instance.closeSync()
  }
}

let made = 0

/** An external table over the directory with every file in it; its name. */
export async function overFiles(
  account: SqlAccount,
  directory: string,
  columns: string,
  format = "FORMAT_NAME = 'PARQUET'",
): Promise<string> {
  made += 1
  const list = columns === '' ? '' : `(${columns}) `
  await account.run(
    `CREATE EXTERNAL TABLE E${made} ${list}LOCATION = @LAKE/${directory}/ AUTO_REFRESH = FALSE REFRESH_ON_CREATE = TRUE FILE_FORMAT = (${format})`,
  )
  return `E${made}`
}
