/** A Snowflake account as a place of tables and queries that are read as a whole. */
import { ConnectorError } from '../../errors.ts'
import type { Environment } from '../../ports.ts'
import type { TableAddress, Tables } from '../../tables.ts'
import { openSnowflakeClient, type SnowflakeClient } from '../client.ts'
import type { SnowflakeOptions } from '../options.ts'
import { openReader } from './reader.ts'
import { currentDatabase, findRelation, listRelations, relationSql, relationText } from './relation.ts'
import { planUnload } from './unload.ts'
import { DEFAULT_POLICIES, type UnloadPolicies } from './unload-policy.ts'
import type { UnloadStageOptions } from './unload-stage.ts'
import { prepareStage } from './unload-stage.ts'

/** Every command is a run of its own in Snowflake's query history. */
export function openTablesOf(options: SnowflakeOptions, environment: Environment): Tables {
  const { schema, ...policies } = options.unload ?? { schema: undefined, ...DEFAULT_POLICIES }
  const [database = '', name = ''] = schema?.split('.') ?? []
  const run = Math.floor(environment.random() * 16 ** 8).toString(16)
  return openSnowflakeTables({
    open: () => openSnowflakeClient(options, environment, { integration: 'transfer', run }),
    policies,
    stage: { stage: options.stage, schema: schema === undefined ? null : { database, name } },
  })
}

export type SnowflakeTablesOptions = {
  /** Logs in; called once, when something is asked for. */
  readonly open: () => Promise<SnowflakeClient>
  readonly policies: UnloadPolicies
  readonly stage: UnloadStageOptions
}

/** Nothing is connected before the first call; the session is closed by disposal. Rows leave through an `exchange`. */
export function openSnowflakeTables({ open, policies, stage }: SnowflakeTablesOptions): Tables {
  let opened: Promise<SnowflakeClient> | null = null
  const session = (): Promise<SnowflakeClient> => {
    opened ??= open()
    return opened
  }
  return {
    kind: 'snowflake',
    readsBy: 'files',
    defaultSchema: null,
    databases: true,
    list: async (signal) => {
      const client = await session()
      return listRelations(client, { database: await currentDatabase(client, signal), name: null }, signal)
    },
    describe: async (table, signal) => {
      const client = await session()
      const relation = await findRelation(client, table, signal)
      if (relation === null) return null
      const rows = { from: { relation: relationSql(relation) }, columns: null, where: null }
      const { plan } = await planUnload(client, { subject: `Table "${relationText(relation)}"`, rows, policies }, signal)
      return plan.columns.map(({ column }) => column)
    },
    openReader: async (request, signal) => {
      const client = await session()
      const { from, exchange } = request
      const relation = from.kind === 'table' ? await findRelation(client, from.table, signal) : null
      if (from.kind === 'table' && relation === null) throw notFound(from.table)
      return openReader(
        client,
        {
          subject: relation === null ? 'The query' : `Table "${relationText(relation)}"`,
          from: relation === null ? { sql: from.kind === 'query' ? from.sql : '' } : { relation: relationSql(relation) },
          request,
          policies,
          place: async (abort) => {
            if (exchange === undefined) throw new ConnectorError('INTERNAL', 'There is no place for the files')
            const location = await prepareStage(
              client,
              stage,
              { address: exchange.store.address(exchange.prefix), relation },
              abort,
            )
            return { location, store: exchange.store, prefix: exchange.prefix }
          },
        },
        signal,
      )
    },
    openWriter: async () => {
      throw new ConnectorError(
        'UNSUPPORTED',
        'Snowflake tables are not written by transfers. Carry the rows into a lake and show them there: "portage transfer <from> lake:<table> --register <snowflake connection>"',
      )
    },
    [Symbol.asyncDispose]: async () => {
      const client = await opened?.catch(() => null)
      await client?.[Symbol.asyncDispose]()
    },
  }
}

/** The words that `portage transfer` looks for to name the nearest table. */
function notFound({ database, schema, name }: TableAddress): ConnectorError {
  const text = [...(database === undefined ? [] : [database]), schema, name].join('.')
  return new ConnectorError('NOT_FOUND', `Table "${text}" does not exist in the database, or the role may not see it`)
}
