/** What would keep Hive or Spark from showing a lake. I/O. */
import { ConnectorError } from '../errors.ts'
import type { Problem } from '../ports.ts'
import { textRows } from './catalogue.ts'
import type { HiveClient } from './client/client.ts'
import { dialectProblem } from './dialect-problem.ts'
import { MACHINE_ZONE_CURE, machineZoneProblem, strayMachineZone, UTC_NAMES } from './time-zone.ts'

export type CheckedServer = {
  /** For messages. */
  readonly server: string
  /** The connection's password travels unencrypted to another machine. Default: false. */
  readonly passwordInClear?: boolean
}

/** One connection; whether the server is of its dialect, and reads timestamps as Portage writes them. */
export async function check(
  client: HiveClient,
  { server, passwordInClear = false }: CheckedServer,
  signal: AbortSignal,
): Promise<readonly Problem[]> {
  const problems: Problem[] = []
  const problem = (what: string, cure: string, severity: Problem['severity'] = 'error') =>
    problems.push({ severity, subject: server, problem: what, cure })
  if (passwordInClear) {
    problem(
      'the password travels unencrypted: whoever listens on the way reads it',
      'turn on hive.server2.use.SSL in the server and set "tls: true" (with "ca:" for a certificate of your own) in config/connections.yaml',
      'warning',
    )
  }
  try {
    await textRows(client, 'SHOW DATABASES', signal)
  } catch (error) {
    if (signal.aborted) throw error
    problem(error instanceof ConnectorError ? error.message : 'it does not answer', 'correct the connection')
    return problems
  }
  try {
    const answer = await zoneSetting(client, signal)
    const otherDialect = dialectProblem(client.dialect, answer)
    if (otherDialect !== null) {
      problem(`it ${otherDialect.what}`, otherDialect.cure)
      return problems
    }
    const zone = zoneOf(answer)
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

type Answer = Awaited<ReturnType<typeof textRows>>

function zoneSetting(client: HiveClient, signal: AbortSignal): Promise<Answer> {
  const name = client.dialect === 'spark' ? 'spark.sql.session.timeZone' : 'hive.local.time.zone'
  return textRows(client, `SET ${name}`, signal)
}

/** Null when the server does not say. */
function zoneOf([row]: Answer): string | null {
  const said = row?.length === 1 ? row[0]?.replace(/^[^=]*=/, '') : row?.at(-1)
  return said === undefined || said === null || /^<undefined>$| is undefined$/.test(said) ? null : said
}
