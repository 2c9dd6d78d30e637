import { quoteIdentifier, quoteLiteral, quoteTable } from '../../../connectors/postgres/identifiers.ts'
import { type SourceStep, type SourceSubject, type SourceValues, sourceContract } from '../../contracts/source.ts'
import { sharedPostgres } from '../../support/postgres.ts'
import { openTestSource } from '../../support/postgres-source.ts'

sourceContract('postgres', async (): Promise<SourceSubject> => {
  const server = await sharedPostgres()
  const database = await server.createDatabase()
  const source = openTestSource(database.url)
  return {
    source,
    another: async () => openTestSource(database.url),
    rewrite: async (table) => {
      await database.query(`vacuum full ${relation(table)}`)
    },
    contents: async (table) => {
      const rows = await database.query<{ row: Record<string, unknown> }>(`select to_jsonb(t) as row from ${relation(table)} t`)
      return rows.map(({ row }) =>
        Object.fromEntries(Object.entries(row).map(([name, value]) => [name, value === null ? null : String(value)])),
      )
    },
    run: async (...steps) => {
      await database.query(['begin', ...steps.flatMap(statements), 'commit'].join(';\n'))
    },
    [Symbol.asyncDispose]: async () => {
      await source[Symbol.asyncDispose]()
      await database[Symbol.asyncDispose]()
    },
  }
})

function relation(table: string): string {
  const [schema = '', name = ''] = table.split('.')
  return quoteTable(schema, name)
}

const literal = (value: SourceValues[string]): string =>
  value === null || value === undefined ? 'null' : quoteLiteral(String(value))
const pairs = (values: SourceValues, separator: string): string =>
  Object.entries(values)
    .map(([name, value]) => `${quoteIdentifier(name)} = ${literal(value)}`)
    .join(separator)

function statements(step: SourceStep): string[] {
  const table = relation(step.table)
  const sqlType = (type: 'int' | 'text'): string => (type === 'int' ? 'bigint' : 'text')
  switch (step.do) {
    case 'create': {
      const columns = Object.entries(step.columns).map(([name, type]) => `${quoteIdentifier(name)} ${sqlType(type)}`)
      const key = step.key.length === 0 ? [] : [`primary key (${step.key.map(quoteIdentifier).join(', ')})`]
      const identity = step.key.length === 0 ? [`alter table ${table} replica identity full`] : []
      return [`create table ${table} (${[...columns, ...key].join(', ')})`, ...identity]
    }
    case 'insert':
      return step.rows.map((row) => {
        const names = Object.keys(row).map(quoteIdentifier).join(', ')
        return `insert into ${table} (${names}) values (${Object.values(row).map(literal).join(', ')})`
      })
    case 'fill':
      return [
        `insert into ${table} (id, name) select i, 'row ' || i from generate_series(${step.from}, ${step.from + step.count - 1}) i`,
      ]
    case 'update':
      return [`update ${table} set ${pairs(step.set, ', ')} where ${pairs(step.where, ' and ')}`]
    case 'delete':
      return [`delete from ${table} where ${pairs(step.where, ' and ')}`]
    case 'truncate':
      return [`truncate ${table}`]
    case 'add': {
      const initial = step.initial === undefined ? '' : ` default ${quoteLiteral(step.initial)}`
      return [`alter table ${table} add column ${quoteIdentifier(step.column)} ${sqlType(step.type)}${initial}`]
    }
    case 'drop':
      return [`alter table ${table} drop column ${quoteIdentifier(step.column)}`]
    case 'rename':
      return [`alter table ${table} rename column ${quoteIdentifier(step.column)} to ${quoteIdentifier(step.to)}`]
    default:
      return step satisfies never
  }
}
