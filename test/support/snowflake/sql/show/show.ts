/** SHOW …: what the role may see, in Snowflake's columns, ordered by name. */
import type { StatementResult } from '../../engine.ts'
import { SqlError } from '../../engine.ts'
import { rolesOf } from '../catalogue/access.ts'
import type { Database, Relation, Schema, Securable } from '../catalogue/objects.ts'
import { noSuchPlace, notSupported } from '../errors.ts'
import { type Run, STATEMENT } from '../run.ts'
import { PARAMETERS } from '../session-state.ts'
import { stagePlace } from '../stage/buckets.ts'
import type { ShowKind, ShowScope, StatementOf } from '../statement.ts'
import { number, type SqlType, text, timestamp, typeText } from '../types.ts'
import { type Cell, tableResult } from '../wire.ts'
import { likePattern } from './like.ts'

type Show = StatementOf<'show'>

const LTZ = timestamp('timestamp_ltz', 3)
const NUMBERS = new Set([
  'rows',
  'bytes',
  'min_cluster_count',
  'max_cluster_count',
  'started_clusters',
  'running',
  'queued',
  'auto_suspend',
  'assigned_to_users',
  'granted_to_roles',
  'granted_roles',
])
const STAMPS = new Set(['created_on', 'last_refreshed_on', 'resumed_on', 'updated_on'])

export const shownType = (name: string): SqlType => (STAMPS.has(name) ? LTZ : NUMBERS.has(name) ? number(38) : text())

/** A row by the names of its columns; names that the row has not are NULL. */
export type Shown = Readonly<Record<string, Cell>>

export function shownTable(
  columns: readonly string[],
  rows: readonly Shown[],
  statementType: number = STATEMENT.show,
): StatementResult {
  return tableResult(
    columns.map((name) => [name, shownType(name)] as const),
    rows.map((row) => columns.map((name) => row[name] ?? null)),
    statementType,
  )
}

const COLUMNS: Readonly<Record<Exclude<ShowKind, 'PARAMETERS'>, string>> = {
  DATABASES: 'created_on name is_default is_current origin owner comment options retention_time kind owner_role_type',
  SCHEMAS: 'created_on name is_default is_current database_name owner comment options retention_time owner_role_type',
  OBJECTS:
    'created_on name database_name schema_name kind comment cluster_by rows bytes owner retention_time owner_role_type is_hybrid is_dynamic is_iceberg',
  TABLES:
    'created_on name database_name schema_name kind comment cluster_by rows bytes owner retention_time automatic_clustering change_tracking search_optimization is_external enable_schema_evolution owner_role_type is_event is_hybrid is_iceberg is_dynamic',
  'EXTERNAL TABLES':
    'created_on name database_name schema_name invalid invalid_reason owner comment stage location file_format_name file_format_type cloud region notification_channel last_refreshed_on table_format last_refresh_details owner_role_type',
  VIEWS:
    'created_on name reserved database_name schema_name owner comment text is_secure is_materialized owner_role_type change_tracking',
  STAGES:
    'created_on name database_name schema_name url has_credentials has_encryption_key owner comment region type cloud notification_channel storage_integration endpoint owner_role_type directory_enabled',
  'FILE FORMATS': 'created_on name database_name schema_name type owner comment format_options owner_role_type',
  WAREHOUSES:
    'name state type size min_cluster_count max_cluster_count started_clusters running queued is_default is_current auto_suspend auto_resume created_on resumed_on updated_on owner comment owner_role_type',
  INTEGRATIONS: 'name type category enabled comment created_on',
  ROLES: 'created_on name is_default is_current is_inherited assigned_to_users granted_to_roles granted_roles owner comment',
  'USER FUNCTIONS':
    'created_on name schema_name is_builtin is_aggregate is_ansi min_num_arguments max_num_arguments arguments description catalog_name is_table_function language',
  COLUMNS: 'table_name schema_name column_name data_type null? default kind expression comment database_name autoincrement',
  'MASKING POLICIES': 'created_on name database_name schema_name kind owner comment owner_role_type options',
  'ROW ACCESS POLICIES': 'created_on name database_name schema_name kind owner comment owner_role_type options',
}
const TERSE = 'created_on name kind database_name schema_name'

export function show(run: Run, statement: Show): StatementResult {
  const { what, like, startsWith, limit, after } = statement
  if (what === 'PARAMETERS') return parameters(run, like)
  const matches = like === null ? null : likePattern(like)
  const named = (row: Shown): string => String(row[what === 'COLUMNS' ? 'column_name' : 'name'])
  let rows = rowsOf(run, what, statement.within)
    .filter((row) => matches?.test(named(row)) ?? true)
    .filter((row) => startsWith === null || named(row).startsWith(startsWith))
  if (what !== 'COLUMNS') {
    const key = (row: Shown) => `${row.database_name ?? ''}\0${row.schema_name ?? ''}\0${row.name}`
    rows = rows.toSorted((a, b) => (key(a) < key(b) ? -1 : 1))
  }
  if (after !== null) rows = rows.filter((row) => named(row) > after)
  const columns = (statement.terse && what !== 'COLUMNS' ? TERSE : COLUMNS[what]).split(' ')
  return shownTable(columns, limit === null ? rows : rows.slice(0, limit))
}

function parameters(run: Run, like: string | null): StatementResult {
  const matches = like === null ? null : likePattern(like)
  const rows = Object.entries(PARAMETERS)
    .filter(([name]) => matches?.test(name) ?? true)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, { fallback, kind }]): Shown => {
      const value = run.session.parameters.get(name) ?? fallback
      return {
        key: name,
        value: String(value),
        default: String(fallback),
        level: value === fallback ? '' : 'SESSION',
        description: '',
        type: kind === 'flag' ? 'BOOLEAN' : kind === 'number' ? 'NUMBER' : 'STRING',
      }
    })
  return shownTable(['key', 'value', 'default', 'level', 'description', 'type'], rows)
}

/** Schemas that the scope means and the role may use. Throws 002043 when the place is not there. */
export function schemasIn(run: Run, scope: ShowScope): readonly Schema[] {
  const usable = (database: Database) => [...database.schemas.values()].filter((schema) => run.access.sees(schema))
  const quietly = <T>(work: () => T): T => {
    try {
      return work()
    } catch (error) {
      if (error instanceof SqlError && error.code === '002003') throw noSuchPlace()
      throw error
    }
  }
  switch (scope.kind) {
    case 'account':
      return [...run.engine.account.databases.values()].filter((database) => run.access.sees(database)).flatMap(usable)
    case 'session': {
      if (run.session.database === null) return schemasIn(run, { kind: 'account' })
      return run.session.schema === null ? usable(run.names.database(null)) : [run.names.schema(null)]
    }
    case 'database':
      return quietly(() => usable(run.names.database(scope.name)))
    case 'schema':
      return quietly(() => [run.names.schema(scope.name)])
    case 'either': {
      const { name } = scope
      // One part is a schema of the current database, or else a database.
      if (name?.parts.length === 1 && run.engine.account.databases.has(name.parts[0]?.text ?? '')) {
        const inner =
          run.session.database === null
            ? undefined
            : run.engine.account.databases.get(run.session.database)?.schemas.get(name.parts[0]?.text ?? '')
        if (inner === undefined) return quietly(() => usable(run.names.database(name)))
      }
      return quietly(() => [run.names.schema(name)])
    }
    case 'table':
      return []
    default:
      return scope satisfies never
  }
}

function rowsOf(run: Run, what: Exclude<ShowKind, 'PARAMETERS'>, scope: ShowScope): readonly Shown[] {
  const { account } = run.engine
  const sees = (object: Securable) => run.access.sees(object)
  switch (what) {
    case 'DATABASES':
      return [...account.databases.values()].filter(sees).map((database) => ({
        ...base(database),
        kind: 'STANDARD',
        is_default: 'N',
        is_current: database.name === run.session.database ? 'Y' : 'N',
        origin: '',
        options: database.transient ? 'TRANSIENT' : '',
        retention_time: '1',
      }))
    case 'SCHEMAS':
      return schemaRows(run, scope)
    case 'OBJECTS':
      return relations(run, scope).map((each) => ({
        ...inSchema(each),
        // A transient table is a table here, unlike in SHOW TABLES: dbt, whose tables are transient, relies on it.
        kind: each.kind === 'TABLE' ? 'TABLE' : kindWord(each),
        is_hybrid: 'N',
        is_dynamic: 'N',
        is_iceberg: 'N',
        cluster_by: '',
        retention_time: '1',
      }))
    case 'TABLES':
      return relations(run, scope)
        .filter(({ kind }) => kind === 'TABLE')
        .map((each) => ({ ...inSchema(each), kind: kindWord(each), ...PLAIN_TABLE }))
    case 'EXTERNAL TABLES':
      return relations(run, scope).flatMap((each) => (each.kind === 'EXTERNAL TABLE' ? [externalRow(each)] : []))
    case 'VIEWS':
      return relations(run, scope).flatMap((each) =>
        each.kind === 'VIEW'
          ? [
              {
                ...inSchema(each),
                kind: 'VIEW',
                reserved: '',
                text: each.text,
                is_secure: String(each.secure),
                is_materialized: 'false',
                change_tracking: 'OFF',
              },
            ]
          : [],
      )
    case 'STAGES':
      return schemasIn(run, scope).flatMap(({ stages }) => [...stages.values()].filter(sees).map(stageRow))
    case 'FILE FORMATS':
      return schemasIn(run, scope).flatMap(({ formats }) =>
        [...formats.values()].filter(sees).map((each) => ({
          ...inSchema(each),
          type: each.format.type,
          format_options: JSON.stringify({
            TYPE: each.format.type,
            BINARY_AS_TEXT: each.format.binaryAsText,
            USE_LOGICAL_TYPE: each.format.useLogicalType,
          }),
        })),
      )
    case 'MASKING POLICIES':
    case 'ROW ACCESS POLICIES': {
      const kind = what === 'MASKING POLICIES' ? 'MASKING POLICY' : 'ROW ACCESS POLICY'
      return schemasIn(run, scope).flatMap(({ policies }) =>
        [...policies.values()]
          .filter((each) => each.kind === kind && sees(each))
          .map((each) => ({ ...inSchema(each), kind: kind.replaceAll(' ', '_'), options: '' })),
      )
    }
    case 'WAREHOUSES':
      return [...account.warehouses.values()].filter(sees).map((each) => ({
        ...base(each),
        state: each.running ? 'STARTED' : 'SUSPENDED',
        type: 'STANDARD',
        size: 'X-Small',
        min_cluster_count: 1,
        max_cluster_count: 1,
        started_clusters: each.running ? 1 : 0,
        running: 0,
        queued: 0,
        is_default: 'N',
        is_current: each.name === run.session.warehouse ? 'Y' : 'N',
        auto_suspend: 60,
        auto_resume: 'true',
        resumed_on: each.createdOn,
        updated_on: each.createdOn,
      }))
    case 'INTEGRATIONS':
      return [...account.integrations.values()]
        .filter(sees)
        .map((each) => ({ ...base(each), type: 'EXTERNAL_STAGE', category: 'STORAGE', enabled: 'true' }))
    case 'ROLES':
      return [...account.roles.values()].map((role) => ({
        ...base(role),
        is_default: account.users.get(run.session.user)?.defaultRole === role.name ? 'Y' : 'N',
        is_current: role.name === run.session.role ? 'Y' : 'N',
        is_inherited: role.name !== run.session.role && rolesOf(account, run.session.role).has(role.name) ? 'Y' : 'N',
        assigned_to_users: [...account.users.values()].filter(({ roles }) => roles.has(role.name)).length,
        granted_to_roles: [...account.roles.values()].filter(({ includes }) => includes.has(role.name)).length,
        granted_roles: role.includes.size,
      }))
    case 'USER FUNCTIONS':
      return []
    case 'COLUMNS':
      return columnRows(run, scope)
    default:
      return what satisfies never
  }
}

const base = ({ createdOn, name, owner, comment }: Securable): Shown => ({
  created_on: createdOn,
  name,
  owner,
  comment,
  options: '',
  retention_time: '1',
  owner_role_type: 'ROLE',
})

const inSchema = (object: Securable & { readonly schema: Schema }): Shown => ({
  ...base(object),
  database_name: object.schema.database.name,
  schema_name: object.schema.name,
})

const PLAIN_TABLE: Shown = {
  cluster_by: '',
  automatic_clustering: 'OFF',
  change_tracking: 'OFF',
  search_optimization: 'OFF',
  is_external: 'N',
  enable_schema_evolution: 'N',
  is_event: 'N',
  is_hybrid: 'N',
  is_iceberg: 'N',
  is_dynamic: 'N',
}

const kindWord = (relation: Relation): string =>
  relation.kind === 'EXTERNAL TABLE'
    ? 'EXTERNAL_TABLE'
    : relation.kind === 'VIEW'
      ? 'VIEW'
      : relation.persistence === 'permanent'
        ? 'TABLE'
        : relation.persistence.toUpperCase()

export const relations = (run: Run, scope: ShowScope): readonly Relation[] =>
  schemasIn(run, scope).flatMap((schema) => [...schema.relations.values()].filter((each) => run.access.sees(each)))

function schemaRows(run: Run, scope: ShowScope): readonly Shown[] {
  const wanted: ShowScope =
    scope.kind === 'session'
      ? run.session.database === null
        ? { kind: 'account' }
        : { kind: 'database', name: null }
      : scope.kind === 'either'
        ? { kind: 'database', name: scope.name }
        : scope
  return schemasIn(run, wanted).map((schema) => ({
    ...base(schema),
    kind: null,
    database_name: schema.database.name,
    schema_name: null,
    is_default: 'N',
    is_current: schema.name === run.session.schema && schema.database.name === run.session.database ? 'Y' : 'N',
    options: schema.transient ? 'TRANSIENT' : '',
  }))
}

const externalRow = (table: Extract<Relation, { kind: 'EXTERNAL TABLE' }>): Shown => ({
  ...inSchema(table),
  kind: 'EXTERNAL_TABLE',
  invalid: String(table.invalid !== null),
  invalid_reason: table.invalid,
  stage: `@${table.stage.schema.database.name}.${table.stage.schema.name}.${table.stage.name}/`,
  location: `@${table.stage.schema.database.name}.${table.stage.schema.name}.${table.stage.name}/${table.path}`,
  file_format_name: table.formatName,
  file_format_type: table.format.type,
  cloud: 'AWS',
  region: 'local',
  last_refreshed_on: table.lastRefreshed,
  table_format: 'UNSPECIFIED',
})

const stageRow = (stage: Schema['stages'] extends Map<string, infer S> ? S : never): Shown => ({
  ...inSchema(stage),
  url: stage.options.url,
  has_credentials: stage.options.credentials === null ? 'N' : 'Y',
  has_encryption_key: 'N',
  region: stagePlace(stage.options.url).scheme === 's3' ? 'local' : null,
  type: 'EXTERNAL',
  cloud: 'AWS',
  storage_integration: stage.options.integration,
  endpoint: stage.options.endpoint,
  directory_enabled: 'N',
})

function columnRows(run: Run, scope: ShowScope): readonly Shown[] {
  if (scope.kind === 'table' && scope.name === null) throw notSupported('SHOW COLUMNS without a table')
  const found = scope.kind === 'table' && scope.name !== null ? [run.names.relation(scope.name)] : relations(run, scope)
  return found.flatMap((relation) =>
    relation.columns.map((column) => ({
      table_name: relation.name,
      schema_name: relation.schema.name,
      database_name: relation.schema.database.name,
      column_name: column.name,
      data_type: JSON.stringify({
        type: column.type.kind === 'number' ? 'FIXED' : column.type.kind.toUpperCase(),
        nullable: column.nullable,
        text: typeText(column.type),
      }),
      'null?': column.nullable ? 'true' : 'NOT_NULL',
      default: '',
      kind: 'expression' in column ? 'VIRTUAL_COLUMN' : 'COLUMN',
      expression: 'expression' in column ? column.text : '',
      comment: column.comment,
      autoincrement: '',
    })),
  )
}
