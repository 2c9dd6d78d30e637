/** The views of a table: two with the rules, and two that people select from. Pure. */
import { METADATA_COLUMNS } from '../change.ts'
import type { LogicalType } from '../logical-type.ts'
import type { RegisterRequest, RelationSql, TableRegistration } from '../ports.ts'
import { lineage } from './external-table.ts'
import { configuredName, currentRule, historyName, historyRule, identifier, qualified, text } from './names.ts'
import type { Policy } from './policies.ts'
import { shownExpression } from './types.ts'

/** `known`: the view exists and is ours. Then its grants are kept. */
export function ruleStatement(schema: string, name: string, sql: string, of: TableRegistration, integration: string): string {
  const comment = `Rules of ${of.table}; select from ${of.relation} instead. ${lineage({ integration, table: of.table })}`
  return `CREATE OR REPLACE VIEW ${qualified(schema, name)} COMMENT = ${text(comment)} AS\n${sql}`
}

export type RelationView = {
  readonly name: string
  /** Without policies and grants: equal texts, equal views. */
  readonly definition: string
  readonly statement: (options: { readonly known: boolean; readonly policies: readonly Policy[] }) => string
}

/** What people see: the columns of the rules under their names, with the source's comments and where they come from. */
export function relationViews(request: RegisterRequest, table: TableRegistration, sql: RelationSql): readonly RelationView[] {
  const { schema, integration } = request
  const { relation, schema: shape } = table
  const of = lineage({ integration, table: table.table, version: shape.version, relation })
  const view = (name: string, rule: string, columns: readonly string[], purpose: string): RelationView => {
    const comment = `COMMENT = ${text(`${purpose} ${of}`)}`
    const columnText = (column: string) => {
      const said = sql.comments.get(column)
      return said === undefined ? '' : ` COMMENT ${text(said)}`
    }
    const body = `SELECT ${columns.map((column) => shownColumn(column, sql.types.get(column))).join(', ')} FROM ${qualified(schema, rule)}`
    const listed = columns.map((column) => `${identifier(column)}${columnText(column)}`)
    return {
      name,
      definition: [name, comment, ...listed, body].join('\n'),
      statement: ({ known, policies }) => {
        const masked = columns.map((column) => `${identifier(column)}${maskOf(column, policies)}${columnText(column)}`)
        return [
          `${known ? 'CREATE OR REPLACE VIEW' : 'CREATE VIEW'} ${qualified(schema, name)} (\n  ${masked.join(',\n  ')}\n)`,
          ...policies.flatMap(rowPolicy),
          ...(known ? ['COPY GRANTS'] : []),
          comment,
          `AS ${body}`,
        ].join('\n')
      },
    }
  }
  const columns = sql.columns.length > 0 ? sql.columns : ['_position']
  return [
    view(relation, currentRule(relation), columns, shape.comment ?? `Current rows of ${table.table}.`),
    view(
      historyName(relation),
      historyRule(relation),
      [...METADATA_COLUMNS, ...sql.columns],
      `Every change to rows of ${table.table}.`,
    ),
  ]
}

/** The rules hold values as they were landed. */
function shownColumn(name: string, type: LogicalType | undefined): string {
  const column = identifier(name)
  const shown = type === undefined ? column : shownExpression(column, type)
  return shown === column ? column : `${shown} AS ${column}`
}

function maskOf(column: string, policies: readonly Policy[]): string {
  const found = policies.find(({ kind, column: masked }) => kind === 'masking' && identifier(column) === `"${masked}"`)
  return found === undefined ? '' : ` WITH MASKING POLICY ${found.name}`
}

function rowPolicy({ kind, name, columns }: Policy): readonly string[] {
  return kind === 'row access' ? [`WITH ROW ACCESS POLICY ${name} ON (${columns.map((each) => `"${each}"`).join(', ')})`] : []
}

export function grantStatements(schema: string, name: string, roles: readonly string[]): readonly string[] {
  return roles.map((role) => `GRANT SELECT ON VIEW ${qualified(schema, name)} TO ROLE ${configuredName(role)}`)
}
