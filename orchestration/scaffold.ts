/** The YAML that `init` writes. Pure: from what was discovered to text. */
import { EDITOR_COMMENT } from '../config/json-schema.ts'
import type { DiscoveredTable } from '../connectors/ports.ts'
import { bytesText, counted } from './format/quantities.ts'

export type SourceAddress = {
  readonly host: string
  readonly port: number
  readonly user: string
  readonly database: string
  readonly sslmode: string | null
  /** Name of the environment variable that will hold the password; null when the URL had none. */
  readonly passwordVariable: string | null
}

/** connections.yaml with the source, a lake in a directory and a DuckDB file. The password is a reference. */
export function connectionsYaml(connection: string, address: SourceAddress): string {
  const { host, port, user, database, sslmode, passwordVariable } = address
  return `# Connections by name. Secrets are references: \${env:NAME} or \${file:path}, never the secret itself.

${connection}:
  connector: postgres
  host: ${quoted(host)}
  port: ${port}
  user: ${quoted(user)}
  database: ${quoted(database)}
${passwordVariable === null ? '' : `  password: \${env:${passwordVariable}}\n`}${sslmode === null ? '' : `  sslmode: ${quoted(sslmode)}\n`}
# Where the data lands. The commit log lives there too: any machine that reaches it can carry on.
lake:
  connector: filesystem
  path: .portage/lake
# In a bucket instead; credentials come from the environment, a profile or the machine unless they are named here:
#  connector: s3
#  bucket: my-lake
#  region: eu-north-1

# Shows the lake's files as tables.
duckdb:
  connector: duckdb
`
}

export type IntegrationScaffold = {
  readonly name: string
  readonly connection: string
  /** Empty when nothing was discovered: then every table of `public`. */
  readonly tables: readonly DiscoveredTable[]
}

/** An integration file: annotated, with the tables found, and risky columns with their cure as comments. */
export function integrationYaml({ name, connection, tables }: IntegrationScaffold): string {
  const schemas = [...new Set(tables.map(({ table }) => schemaOf(table)))].sort()
  const patterns = schemas.length === 0 ? ['public.*'] : schemas.map((schema) => `${schema}.*`)
  return `${EDITOR_COMMENT}
name: ${name}
kind: replicate

source:
  connection: ${connection}          # config/connections.yaml
  # publication: portage_${name}     # created when it is missing
  # slot: portage_${name}
  # The last match wins; a leading ! excludes.
  tables: [${patterns.map(single).join(', ')}]
${found(tables)}
lake: {connection: lake, prefix: raw, compression: zstd, target_file: 256 MiB}

# A commit at the first of these.
flush: {interval: 5s, rows: 500_000, bytes: 64 MiB}

register:
  - {connection: duckdb, schema: ${name}, every: 10s}

# What warehouses do when a table changes its shape: apply, hold (keep the old shape until "portage apply") or fail (stop).
# Unless they are named here: drop_column, narrow_column, change_key, drop_table and recreate_table hold, all others apply.
# schema_changes: {drop_column: hold, rename_column: apply}

# A value that a target type cannot hold: its row is kept aside with the reason, and every status says so until someone looks.
# Others: error (stop), 'null' (land NULL), text (carry the column as text).
on_bad_value: reject
${risks(tables)}`
}

function found(tables: readonly DiscoveredTable[]): string {
  if (tables.length === 0) return ''
  const width = Math.max(...tables.map(({ table }) => table.length))
  const lines = tables.map((each) => {
    const { table, estimatedRows, bytes, columns, key, identity } = each
    const keyed =
      key.length === 0 ? 'no key' : `key ${key.map((id) => columns.find((column) => column.id === id)?.name ?? id).join(', ')}`
    const about = `about ${counted(estimatedRows, 'row')}, ${bytesText(bytes)}, ${counted(columns.length, 'column')}, ${keyed}, identity ${identity}`
    return `  #   ${table.padEnd(width)}  ${about}`
  })
  return `  # Found:\n${lines.map(oneLine).join('\n')}\n`
}

/** Advice as comments that become settings by removing the leading #. */
function risks(tables: readonly DiscoveredTable[]): string {
  const lines = tables.flatMap(({ table, advice }) =>
    advice.flatMap(({ column, problem, cure }) => [
      oneLine(`#   ${table}${column === null ? '' : `.${column}`}: ${problem}`),
      oneLine(`#     ${cure}`),
    ]),
  )
  if (lines.length === 0) return ''
  return `
# Worth a look before the first run. Settings for columns go below "columns:", keyed schema.table.column, for example
#   columns:
#     public.loan.amount: {type: 'decimal(18,4)', on_bad_value: error}
${lines.join('\n')}
`
}

function schemaOf(table: string): string {
  return table.slice(0, table.indexOf('.'))
}

function single(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}

/** Plain where YAML reads it as the same text, else quoted. */
function quoted(text: string): string {
  return /^[A-Za-z][A-Za-z0-9_.-]*$/.test(text) && !/^(?:true|false|null|yes|no|on|off)$/i.test(text)
    ? text
    : JSON.stringify(text)
}

/** A comment must not end early, whatever a table is called. */
function oneLine(text: string): string {
  return text.replaceAll(/[\r\n\u0085\u2028\u2029]/g, ' ')
}
