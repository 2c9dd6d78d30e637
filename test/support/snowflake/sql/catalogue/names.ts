/** From names of statements to objects, by what the session uses. */
import type { ObjectName } from '../ast.ts'
import { doesNotExist, noDatabase, noSchema, relationDoesNotExist } from '../errors.ts'
import { nameText } from '../parse/cursor.ts'
import type { ObjectKind } from '../statement.ts'
import type { Access } from './access.ts'
import type { Account } from './account.ts'
import type { Database, FileFormat, Policy, Relation, Schema, Securable, Stage } from './objects.ts'

/** Where a session looks for names without their place. */
export type Here = { readonly database: string | null; readonly schema: string | null }

export interface Names {
  database(name: ObjectName | null): Database
  /** `schema` or `database.schema`; null = the session's. */
  schema(name: ObjectName | null): Schema
  /** The schema in which an object of this name is or would be, and its own name. */
  place(name: ObjectName): { readonly schema: Schema; readonly name: string }
  relation(name: ObjectName): Relation
  relationOrNull(name: ObjectName): Relation | null
  stage(name: ObjectName): Stage
  format(name: ObjectName): FileFormat
  policy(name: ObjectName): Policy
  /** Any object by its kind; throws 002003. */
  object(kind: ObjectKind, name: ObjectName): Securable
}

export function namesOf(account: Account, here: Here, access: Access): Names {
  const databaseOf = (name: string): Database => {
    const found = account.databases.get(name)
    if (found === undefined || !access.has(found, 'USAGE')) throw doesNotExist('Database', name)
    return found
  }
  const schemaOf = (database: Database, name: string): Schema => {
    const found = database.schemas.get(name)
    if (found === undefined || !access.has(found, 'USAGE')) throw doesNotExist('Schema', `${database.name}.${name}`)
    return found
  }
  const database: Names['database'] = (name) => {
    const own = name?.parts[0]?.text ?? here.database
    if (own === null) throw noDatabase()
    return databaseOf(own)
  }
  const schema: Names['schema'] = (name) => {
    const [first, second] = name?.parts ?? []
    if (first !== undefined && second !== undefined) return schemaOf(databaseOf(first.text), second.text)
    const own = database(null)
    const inner = first?.text ?? here.schema
    if (inner === null) throw noSchema()
    return schemaOf(own, inner)
  }
  const place: Names['place'] = (name) => {
    const last = name.parts.at(-1)?.text ?? ''
    const outer = name.parts.slice(0, -1)
    return { schema: schema(outer.length === 0 ? null : { parts: outer, at: name.at }), name: last }
  }
  const inSchema = <T extends Securable>(name: ObjectName, kind: string, of: (schema: Schema) => ReadonlyMap<string, T>): T => {
    const at = place(name)
    const found = of(at.schema).get(at.name)
    if (found === undefined || !access.sees(found)) throw doesNotExist(kind, nameText(name))
    return found
  }
  const inAccount = (kind: string, objects: ReadonlyMap<string, Securable>, name: ObjectName): Securable => {
    const found = objects.get(name.parts[0]?.text ?? '')
    if (found === undefined || name.parts.length !== 1) throw doesNotExist(kind, nameText(name))
    return found
  }
  const relationOrNull: Names['relationOrNull'] = (name) => {
    const at = place(name)
    const found = at.schema.relations.get(at.name)
    return found === undefined || !access.sees(found) ? null : found
  }
  const relation: Names['relation'] = (name) => {
    const found = relationOrNull(name)
    if (found === null) throw relationDoesNotExist(nameText(name))
    return found
  }
  const stage: Names['stage'] = (name) => inSchema(name, 'Stage', ({ stages }) => stages)
  const format: Names['format'] = (name) => inSchema(name, 'File format', ({ formats }) => formats)
  const policy: Names['policy'] = (name) => inSchema(name, 'Policy', ({ policies }) => policies)
  return {
    database,
    schema,
    place,
    relation,
    relationOrNull,
    stage,
    format,
    policy,
    object: (kind, name) => {
      switch (kind) {
        case 'DATABASE':
          return database(name)
        case 'SCHEMA':
          return schema(name)
        case 'TABLE':
        case 'EXTERNAL TABLE':
        case 'VIEW':
          return relation(name)
        case 'STAGE':
          return stage(name)
        case 'FILE FORMAT':
          return format(name)
        case 'MASKING POLICY':
        case 'ROW ACCESS POLICY':
          return policy(name)
        case 'WAREHOUSE':
          return inAccount('Warehouse', account.warehouses, name)
        case 'INTEGRATION':
          return inAccount('Integration', account.integrations, name)
        case 'ROLE':
          return inAccount('Role', account.roles, name)
        case 'USER':
          return inAccount('User', account.users, name)
        default:
          return kind satisfies never
      }
    },
  }
}
