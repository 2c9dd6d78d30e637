/** One account: databases, roles, users, warehouses, integrations. */
import type { Database, Integration, Role, Schema, Securable, User, Warehouse } from './objects.ts'
import { securable } from './objects.ts'

export type AccountOptions = {
  /** Upper case. */
  readonly name: string
  readonly databases: readonly string[]
  readonly warehouses: readonly string[]
  readonly roles: readonly string[]
  readonly users: readonly { readonly name: string; readonly roles: readonly string[]; readonly defaultRole: string }[]
  readonly integrations: readonly { readonly name: string; readonly allowed: readonly string[] }[]
  readonly now: () => Date
}

export type Account = {
  readonly name: string
  readonly databases: Map<string, Database>
  readonly warehouses: Map<string, Warehouse>
  readonly integrations: Map<string, Integration>
  readonly roles: Map<string, Role>
  readonly users: Map<string, User>
  /** Privileges on the account: CREATE DATABASE and its like. */
  readonly grants: Securable
  /** A number that no object had before. */
  next(): number
}

/** ACCOUNTADMIN may do everything; SYSADMIN owns what the options name; every role has PUBLIC. */
const SYSTEM_ROLES = ['ACCOUNTADMIN', 'SECURITYADMIN', 'USERADMIN', 'SYSADMIN', 'PUBLIC']

export function openAccount(options: AccountOptions): Account {
  const created = options.now()
  const named = <T extends { readonly name: string }>(items: readonly T[]) => new Map(items.map((item) => [item.name, item]))
  const role = (name: string): Role => ({
    ...securable('ROLE', name, 'USERADMIN', created),
    includes: new Set(name === 'PUBLIC' ? [] : ['PUBLIC']),
  })
  const roles = named([...new Set([...SYSTEM_ROLES, ...options.roles])].map(role))
  for (const name of SYSTEM_ROLES.slice(1)) roles.get('ACCOUNTADMIN')?.includes.add(name)
  for (const name of options.roles) if (!SYSTEM_ROLES.includes(name)) roles.get('SYSADMIN')?.includes.add(name)
  let last = 0
  return {
    name: options.name,
    databases: named(options.databases.map((name) => newDatabase(name, 'SYSADMIN', created))),
    warehouses: named(
      options.warehouses.map((name): Warehouse => ({ ...securable('WAREHOUSE', name, 'SYSADMIN', created), running: true })),
    ),
    integrations: named(
      options.integrations.map(
        ({ name, allowed }): Integration => ({ ...securable('INTEGRATION', name, 'ACCOUNTADMIN', created), allowed }),
      ),
    ),
    roles,
    users: named(
      options.users.map(
        ({ name, roles: given, defaultRole }): User => ({
          ...securable('USER', name, 'USERADMIN', created),
          roles: new Set([...given, defaultRole, 'PUBLIC']),
          defaultRole,
        }),
      ),
    ),
    grants: securable('USER', options.name, 'ACCOUNTADMIN', created),
    next: () => {
      last += 1
      return last
    },
  }
}

/** With its PUBLIC schema. */
export function newDatabase(name: string, owner: string, createdOn: Date, comment = '', transient = false): Database {
  const database: Database = { ...securable('DATABASE', name, owner, createdOn, comment), schemas: new Map(), transient }
  database.schemas.set('PUBLIC', newSchema(database, 'PUBLIC', owner, createdOn))
  return database
}

export function newSchema(
  database: Database,
  name: string,
  owner: string,
  createdOn: Date,
  comment = '',
  transient = false,
): Schema {
  return {
    ...securable('SCHEMA', name, owner, createdOn, comment),
    database,
    relations: new Map(),
    stages: new Map(),
    formats: new Map(),
    policies: new Map(),
    future: [],
    transient,
  }
}
