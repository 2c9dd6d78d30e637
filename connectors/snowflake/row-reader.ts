/** The driver's rows as exact texts, in batches. I/O. */
import { ConnectorError } from '../errors.ts'
import type { SnowflakeColumn, SnowflakeRow } from './client.ts'
import type { DriverStatement } from './driver.ts'
import type { StartedStatement } from './statement.ts'

const BATCH_ROWS = 1_024

/** Throws `CONNECTION` when an answer names a type that does not exist: it was changed on its way. */
export function readColumns(statement: DriverStatement): readonly SnowflakeColumn[] {
  return (statement.getColumns() ?? []).map((column) => ({
    name: column.getName(),
    type: typeOf(column.getType()),
    scale: column.getScale() ?? null,
    precision: column.getPrecision() ?? null,
    nullable: column.isNullable(),
  }))
}

function typeOf(said: string | undefined): string {
  if (said !== undefined) return said.toLowerCase()
  throw new ConnectorError(
    'CONNECTION',
    'Snowflake’s answer has a column without a type: it was changed on its way. Check proxies in between, and run again',
  )
}

/** Throws what the driver throws; cancels and stops the stream when the reader does. */
export async function* readRows({
  statement,
  stopped,
  release,
  cancel,
}: StartedStatement): AsyncGenerator<readonly SnowflakeRow[]> {
  const stream = statement.streamRows()
  const stop = (reason: unknown) => stream.destroy(reason instanceof Error ? reason : new Error(String(reason)))
  stopped.catch(stop)
  let ended = false
  try {
    let batch: SnowflakeRow[] = []
    for await (const row of stream) {
      batch.push((row as readonly unknown[]).map(exactText))
      if (batch.length < BATCH_ROWS) continue
      yield batch
      batch = []
    }
    ended = true
    if (batch.length > 0) yield batch
  } finally {
    release()
    if (!ended) {
      cancel()
      stream.destroy()
    }
  }
}

function exactText(value: unknown): string | null {
  if (value === null || value === undefined) return null
  // OBJECT and ARRAY are parsed by the driver whatever it is told.
  return typeof value === 'string' ? value : typeof value === 'object' ? JSON.stringify(value) : String(value)
}
