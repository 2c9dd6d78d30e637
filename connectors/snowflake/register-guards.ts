/** What a registration refuses, and who comes first when there are two. */
import { ConnectorError } from '../errors.ts'
import type { RegisterRequest } from '../ports.ts'
import { type FoundTable, readViews } from './account.ts'
import type { SnowflakeClient } from './client.ts'
import { serverCode } from './failure.ts'
import { behindOf, type Ledger, ledgerParts } from './ledger.ts'
import { clashingName, historyName, identifier, PARTS, partName, qualified, stageName, storedName } from './names.ts'

export function refuseClash(request: RegisterRequest): void {
  const clash = clashingName(request.tables)
  if (clash === null) return
  throw new ConnectorError(
    'CONFIGURATION',
    `Two relations of "${request.integration}" would both be called "${clash}" in Snowflake: a table is named like a view that Portage needs. Leave one of the tables out under "tables", or register it in a schema of its own`,
  )
}

/** Snowflake documentation, "Query size limits". */
const MOST_SQL_CHARACTERS = 1_000_000

export function refuseLarge({ integration, tables }: RegisterRequest, ledger: string): void {
  if (ledger.length < MOST_SQL_CHARACTERS) return
  throw new ConnectorError(
    'UNSUPPORTED',
    `Integration "${integration}" has ${tables.length} tables, more than one registration in Snowflake can list. Split it into several integrations`,
  )
}

const inUse = (ledger: Pick<Ledger, 'tables'>): ReadonlySet<string> =>
  new Set([...ledger.tables.values()].flatMap((table) => ledgerParts(table).map(([, { name }]) => name)))

/**
 * External tables of a registration that died before anybody read them. Those of this commit may be another's at work; a relation that
 * was refused while its views were replaced may read some that its entry does not name.
 */
export function orphans(
  found: readonly FoundTable[],
  { integration, commit }: RegisterRequest,
  ledger: Ledger,
): readonly string[] {
  const used = inUse(ledger)
  const parts = [...behindOf(ledger).keys()].flatMap((relation) => PARTS.map((part) => storedName(partName(relation, part, ''))))
  return found
    .filter((table) => table.integration === integration && table.commit < commit && !used.has(table.name))
    .map(({ name }) => name)
    .filter((name) => !parts.some((part) => name.startsWith(part)))
}

/** Runs what makes external tables and columns. Another registration may add the same column: whoever begins again finds it. */
export async function runPreparing(
  client: SnowflakeClient,
  request: RegisterRequest,
  sql: string,
  signal: AbortSignal,
): Promise<void> {
  try {
    await client.run(sql, { signal, repeatable: sql.startsWith('CREATE') })
  } catch (error) {
    if (COLUMN_TAKEN.has(serverCode(error))) throw overtaken(request)
    throw error
  }
}

export async function runShowing(
  client: SnowflakeClient,
  request: RegisterRequest,
  sql: string,
  signal: AbortSignal,
): Promise<void> {
  const fresh = sql.startsWith('CREATE VIEW')
  try {
    await client.run(sql, { signal, repeatable: !fresh })
  } catch (error) {
    if (!fresh || serverCode(error) !== TAKEN) throw error
    const { integration, schema } = request
    const names = request.tables.flatMap(({ relation }) => [relation, historyName(relation)])
    const taken = names.find((name) => sql.startsWith(`CREATE VIEW ${qualified(schema, name)} `)) ?? ''
    const { owners } = await readViews(client, schema, integration, signal)
    if (owners.get(storedName(taken)) === integration) throw overtaken(request)
    throw new ConnectorError(
      'CONFIGURATION',
      `Relation ${qualified(schema, taken)} is a table or view that Portage did not make. Give "${integration}" another schema under "register"`,
      { cause: error },
    )
  }
}

/** Somebody has the name: Snowflake's "Object already exists"; "column already exists". */
const TAKEN = '002002'
const COLUMN_TAKEN: ReadonlySet<string | null> = new Set(['001430', '002025'])

const OVERTAKEN = Symbol('overtaken')

function overtaken({ schema, integration }: RegisterRequest): ConnectorError {
  return new ConnectorError(
    'UNAVAILABLE',
    `Registration of "${integration}" in ${identifier(schema)}: another one was faster, again and again. Let one process register an integration`,
    { cause: OVERTAKEN },
  )
}

/** Another registration came first: whoever begins again finds what it did. */
export const isOvertaken = (error: unknown): boolean => error instanceof ConnectorError && error.cause === OVERTAKEN

/** Two registrations at once: the one that comes second to the views starts over. */
export async function refuseOvertaken(
  client: SnowflakeClient,
  request: RegisterRequest,
  stamp: string,
  signal: AbortSignal,
): Promise<void> {
  const now = await readViews(client, request.schema, request.integration, signal)
  if (now.stamp !== stamp) throw overtaken(request)
}

export function refuseInvalid(found: readonly FoundTable[], ledger: Pick<Ledger, 'integration' | 'tables'>): void {
  const used = inUse(ledger)
  const broken = found.filter(({ name, invalid }) => invalid !== null && used.has(name))
  if (broken.length === 0) return
  const named = broken.slice(0, 5).map(({ name, invalid }) => `"${name}": ${invalid}`)
  throw new ConnectorError(
    'PROOF',
    `Snowflake holds external tables of "${ledger.integration}" for invalid: ${named.join('; ')}. Look whether somebody replaced the stage "${storedName(stageName(ledger.integration))}", then run "portage register ${ledger.integration} --repair"`,
  )
}
