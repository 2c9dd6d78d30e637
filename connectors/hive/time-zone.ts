/**
 * Spark reads timestamps of ORC files by the zone of its Java machine and shows them in that of the session: when the two differ
 * every one is off by the difference. Parquet has no such trap, and Hive does not fall into it. I/O.
 */
import { ConnectorError } from '../errors.ts'
import { textRows } from './catalogue.ts'
import type { HiveClient } from './client/client.ts'

export const UTC_NAMES: ReadonlySet<string> = new Set(['UTC', 'Etc/UTC', 'GMT', 'Z', 'LOCAL', 'Etc/GMT', 'Etc/UCT', 'Zulu'])

const ZONE = /\bid="([^"]+)"/

/** Zone of the server's Java machine when it is Spark and not in UTC; null when all is well, or it does not say. */
export async function strayMachineZone(client: HiveClient, signal: AbortSignal): Promise<string | null> {
  if (client.dialect !== 'spark') return null
  try {
    const [row] = await textRows(client, `SELECT java_method('java.util.TimeZone', 'getDefault') AS \`zone\``, signal)
    const zone = ZONE.exec(row?.[0] ?? '')?.[1] ?? null
    return zone === null || UTC_NAMES.has(zone) ? null : zone
  } catch (error) {
    // Some servers forbid calls of Java.
    if (error instanceof ConnectorError && error.recovery === 'operator' && !signal.aborted) return null
    throw error
  }
}

export const machineZoneProblem = (zone: string): string =>
  `its Java machine runs in the time zone "${zone}": timestamps in ORC files would show another time than they hold`

export const MACHINE_ZONE_CURE = 'start the server with -Duser.timezone=UTC, or set "format: parquet" under "register"'

/** Throws `CONFIGURATION` before timestamps are shown that are not those of the lake. */
export async function refuseMachineZone(client: HiveClient, server: string, signal: AbortSignal): Promise<void> {
  const zone = await strayMachineZone(client, signal)
  if (zone === null) return
  const cure = `${MACHINE_ZONE_CURE.charAt(0).toUpperCase()}${MACHINE_ZONE_CURE.slice(1)}`
  throw new ConnectorError('CONFIGURATION', `${server}: ${machineZoneProblem(zone)}. ${cure}`)
}
