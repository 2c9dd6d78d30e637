/** What would keep Hive or Spark from showing a lake. I/O. */
import { ConnectorError } from '../errors.ts'
import type { Problem } from '../ports.ts'
import { textRows } from './catalogue.ts'
import type { HiveClient } from './client/client.ts'
import { MACHINE_ZONE_CURE, machineZoneProblem, strayMachineZone, UTC_NAMES } from './time-zone.ts'

/** One connection, and whether the server reads timestamps and ORC columns as Portage writes them. */
export async function check(client: HiveClient, server: string, signal: AbortSignal): Promise<readonly Problem[]> {
  const problems: Problem[] = []
  const problem = (what: string, cure: string, severity: Problem['severity'] = 'error') =>
    problems.push({ severity, subject: server, problem: what, cure })
  try {
    await textRows(client, 'SHOW DATABASES', signal)
  } catch (error) {
    if (signal.aborted) throw error
    problem(error instanceof ConnectorError ? error.message : 'it does not answer', 'correct the connection')
    return problems
  }
  try {
    const zone = await sessionZone(client, signal)
    if (zone !== null && !UTC_NAMES.has(zone)) {
      problem(
        `its session runs in the time zone "${zone}", in which timestamps of the lake show another wall clock`,
        client.dialect === 'spark'
          ? 'start the server with -Duser.timezone=UTC and spark.sql.session.timeZone=UTC'
          : 'start the server with -Duser.timezone=UTC',
        'warning',
      )
    }
    const machine = await strayMachineZone(client, signal)
    if (machine !== null) problem(machineZoneProblem(machine), MACHINE_ZONE_CURE)
  } catch (error) {
    if (signal.aborted) throw error
  }
  return problems
}

/** Null when the server does not say. */
async function sessionZone(client: HiveClient, signal: AbortSignal): Promise<string | null> {
  const name = client.dialect === 'spark' ? 'spark.sql.session.timeZone' : 'hive.local.time.zone'
  const [row] = await textRows(client, `SET ${name}`, signal)
  const said = row?.length === 1 ? row[0]?.replace(/^[^=]*=/, '') : row?.at(-1)
  return said ?? null
}
