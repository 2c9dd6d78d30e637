/** What is missing before a lake can be shown: all of it at once, each with the SQL for an administrator. I/O; changes nothing. */
import { ConnectorError } from '../errors.ts'
import type { Problem } from '../ports.ts'
import { isAbsent, metadata } from './account.ts'
import {
  awsPolicies,
  createIntegrationSql,
  grantSql,
  type IntegrationProperties,
  uncoveredLocation,
} from './administrator-sql.ts'
import type { SnowflakeClient } from './client.ts'
import { configuredName, quoted } from './names.ts'
import { accountName, type SnowflakeOptions, type StageOptions } from './options.ts'
import { type Grant, grantsOf, isGranted } from './privileges.ts'
import { stagePlace } from './stage.ts'

const FILE = 'config/connections.yaml'
/** What a registration makes in a schema that it does not own. */
const CREATE_IN_SCHEMA = ['CREATE STAGE', 'CREATE FILE FORMAT', 'CREATE EXTERNAL TABLE', 'CREATE VIEW'] as const
/** Nothing lies there: asking for it takes the access that reading takes. */
const PROBE = '_portage/probe/'

type Session = { readonly role: string; readonly warehouse: string | null; readonly database: string | null }

export async function check(
  options: SnowflakeOptions,
  open: (signal: AbortSignal) => Promise<SnowflakeClient>,
  signal: AbortSignal,
): Promise<readonly Problem[]> {
  const subject = `Snowflake account "${accountName(options)}"`
  const problem = (problem: string, cure: string): Problem => ({ severity: 'error', subject, problem, cure })
  const configured = configurationProblems(options, problem)
  let client: SnowflakeClient
  try {
    client = await open(signal)
  } catch (error) {
    if (!(error instanceof ConnectorError) || error.code === 'ABORTED') throw error
    return [...configured, problem(error.message, `Correct it in ${FILE}, then run "portage check" again`)]
  }
  const session = await sessionOf(client, signal)
  const grants = await grantsOf(client, session.role, signal)
  return [
    ...configured,
    ...warehouseProblems(options, session, grants, problem),
    ...databaseProblems(options, session, grants, problem),
    ...(options.stage === undefined ? [] : await stageProblems(client, options.stage, session, grants, problem, signal)),
  ]
}

type Say = (problem: string, cure: string) => Problem

function configurationProblems({ stage, database }: SnowflakeOptions, say: Say): readonly Problem[] {
  return [
    ...(database === undefined ? [say('no database is named', `Set "database" of the connection in ${FILE}`)] : []),
    ...(stage === undefined
      ? [
          say(
            'the way to the lake is not known',
            `Set "stage: {url: s3://<bucket>/<prefix>/, storage_integration: <name>}" in ${FILE}`,
          ),
        ]
      : []),
    ...(stage !== undefined && stage.storage_integration === undefined && stage.access_key_id === undefined
      ? [
          say(
            `stage ${stage.url} has neither a storage integration nor keys`,
            `Set "stage.storage_integration" in ${FILE}, or access_key_id and secret_access_key`,
          ),
        ]
      : []),
  ]
}

async function sessionOf(client: SnowflakeClient, signal: AbortSignal): Promise<Session> {
  const { rows } = await client.run('SELECT CURRENT_ROLE(), CURRENT_WAREHOUSE(), CURRENT_DATABASE()', {
    signal,
    repeatable: true,
  })
  const [role, warehouse, database] = rows[0] ?? []
  return { role: role ?? 'PUBLIC', warehouse: warehouse ?? null, database: database ?? null }
}

const plain = (name: string): string => configuredName(name).slice(1, -1).replaceAll('""', '"')

function warehouseProblems(
  { warehouse }: SnowflakeOptions,
  { role, warehouse: current }: Session,
  grants: readonly Grant[],
  say: Say,
): readonly Problem[] {
  const name = warehouse === undefined ? current : plain(warehouse)
  if (name === null) {
    return [
      say(
        `role ${role} has no virtual warehouse`,
        `Set "warehouse" in ${FILE}, and let an administrator run: ${grantSql('USAGE', 'WAREHOUSE', '<warehouse>', quoted(role))}`,
      ),
    ]
  }
  if (isGranted(grants, 'USAGE', 'WAREHOUSE', name)) return []
  return [
    say(
      `role ${role} may not use virtual warehouse ${name}`,
      `Let an administrator run: ${grantSql('USAGE', 'WAREHOUSE', quoted(name), quoted(role))}`,
    ),
  ]
}

function databaseProblems(
  { database }: SnowflakeOptions,
  { role }: Session,
  grants: readonly Grant[],
  say: Say,
): readonly Problem[] {
  if (database === undefined) return []
  const name = plain(database)
  const grant = (privilege: string) => `Let an administrator run: ${grantSql(privilege, 'DATABASE', quoted(name), quoted(role))}`
  const problems: Problem[] = []
  if (!isGranted(grants, 'USAGE', 'DATABASE', name))
    problems.push(say(`role ${role} may not use database ${name}`, grant('USAGE')))
  if (isGranted(grants, 'CREATE SCHEMA', 'DATABASE', name)) return problems
  const schemas = new Set(
    grants.filter(({ on, name: schema }) => on === 'SCHEMA' && schema.startsWith(`${name}.`)).map((each) => each.name),
  )
  const lacking = [...schemas].map((schema) =>
    CREATE_IN_SCHEMA.filter((privilege) => !isGranted(grants, privilege, 'SCHEMA', schema)),
  )
  if (lacking.some((each) => each.length === 0)) return problems
  const instead = CREATE_IN_SCHEMA.map((privilege) => privilege).join(', ')
  return [
    ...problems,
    say(
      `role ${role} may not create schemas in database ${name}`,
      `${grant('CREATE SCHEMA')} Or, for a schema that exists: GRANT USAGE, ${instead} ON SCHEMA ${quoted(name)}.<schema> TO ROLE ${quoted(role)};`,
    ),
  ]
}

async function stageProblems(
  client: SnowflakeClient,
  stage: StageOptions,
  { role, database }: Session,
  grants: readonly Grant[],
  say: Say,
  signal: AbortSignal,
): Promise<readonly Problem[]> {
  const integration = stage.storage_integration
  const found = integration === undefined ? null : await describeIntegration(client, integration, signal)
  const problems: Problem[] = []
  if (integration !== undefined) {
    if (found === null) {
      return [
        say(
          `storage integration ${integration} does not exist, or role ${role} may not use it`,
          `Let an administrator (ACCOUNTADMIN) run:\n${createIntegrationSql(integration, stage, quoted(role))}`,
        ),
      ]
    }
    if (!isGranted(grants, 'USAGE', 'INTEGRATION', plain(integration))) {
      problems.push(
        say(
          `role ${role} may not use storage integration ${integration}`,
          `Let an administrator run: ${grantSql('USAGE', 'INTEGRATION', integration, quoted(role))}`,
        ),
      )
    }
    if (found.get('ENABLED')?.toLowerCase() === 'false') {
      problems.push(
        say(
          `storage integration ${integration} is disabled`,
          `Let an administrator run: ALTER STORAGE INTEGRATION ${configuredName(integration)} SET ENABLED = TRUE;`,
        ),
      )
    }
    const allowed = uncoveredLocation(found, stage)
    if (allowed !== null) {
      problems.push(
        say(
          `storage integration ${integration} allows ${allowed}, not ${stage.url}`,
          `Let an administrator run: ALTER STORAGE INTEGRATION ${configuredName(integration)} SET STORAGE_ALLOWED_LOCATIONS = ('${stage.url}', …);`,
        ),
      )
    }
  }
  const unreachable = await unreachableStage(client, stage, database, signal)
  if (unreachable !== null) {
    const policies = found === null ? null : awsPolicies(found, stage)
    const cure =
      policies ??
      `Allow s3:GetObject and s3:ListBucket on ${stagePlace(stage).bucket}/${stagePlace(stage).path} to the keys of "stage" in ${FILE}`
    problems.push(say(`Snowflake cannot read ${stage.url} through stage ${unreachable}`, cure))
  }
  return problems
}

async function describeIntegration(
  client: SnowflakeClient,
  integration: string,
  signal: AbortSignal,
): Promise<IntegrationProperties | null> {
  const rows = await metadata(client, `DESC INTEGRATION ${configuredName(integration)}`, signal).catch((error: unknown) => {
    if (error instanceof ConnectorError && error.code === 'PRIVILEGE') return []
    throw error
  })
  return rows.length === 0 ? null : new Map(rows.map((row) => [row.property ?? '', row.property_value ?? '']))
}

/** The name of a stage of ours over this URL that cannot be read; null when all can, or none was made yet. */
async function unreachableStage(
  client: SnowflakeClient,
  stage: StageOptions,
  within: string | null,
  signal: AbortSignal,
): Promise<string | null> {
  if (within === null) return null
  const stages = await metadata(client, `SHOW STAGES LIKE 'PORTAGE\\\\_\\\\_%' IN DATABASE ${quoted(within)}`, signal)
  for (const { database_name: database, schema_name: schema, name, url } of stages) {
    if (!name || !schema || url !== stage.url) continue
    const full = [database, schema, name].flatMap((part) => (part ? [quoted(part)] : [])).join('.')
    try {
      await client.run(`LIST @${full}/${PROBE}`, { signal, repeatable: true })
    } catch (error) {
      if (error instanceof ConnectorError && error.recovery !== 'retry' && !isAbsent(error) && error.code !== 'ABORTED')
        return full
      throw error
    }
  }
  return null
}
