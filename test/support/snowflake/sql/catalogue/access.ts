/** Who may do what: roles and what they include, grants, ownership. */
import { doesNotExist, insufficientPrivileges } from '../errors.ts'
import type { Account } from './account.ts'
import { type Database, qualifiedName, type Schema, type Securable } from './objects.ts'

/** The role and every role that it includes. */
export function rolesOf(account: Account, role: string): ReadonlySet<string> {
  const found = new Set<string>()
  const visit = (name: string): void => {
    if (found.has(name)) return
    found.add(name)
    for (const inner of account.roles.get(name)?.includes ?? []) visit(inner)
  }
  visit(role)
  return found
}

/** Privileges are checked for one role at a time: the session's, or the owner of a view. */
export interface Access {
  readonly role: string
  has(object: Securable, privilege: string): boolean
  /** Has any privilege on it: the object may be spoken of. */
  sees(object: Securable): boolean
  /** Throws 003001, or 002003 for what the role must not know of. */
  demand(object: Securable, privilege: string): void
  owns(object: Securable): boolean
  /** USAGE on both, else the one that lacks it does not exist. */
  demandPlace(database: Database, schema: Schema | null): void
  as(role: string): Access
}

export function accessOf(account: Account, role: string): Access {
  const roles = rolesOf(account, role)
  const all = roles.has('ACCOUNTADMIN')
  const owns = (object: Securable): boolean => all || roles.has(object.owner)
  const has = (object: Securable, privilege: string): boolean =>
    owns(object) ||
    object.grants.some((grant) => roles.has(grant.role) && (grant.privilege === privilege || grant.privilege === 'OWNERSHIP'))
  const sees = (object: Securable): boolean => owns(object) || object.grants.some((grant) => roles.has(grant.role))
  const kind = (object: Securable): string => object.kind.charAt(0) + object.kind.slice(1).toLowerCase()
  return {
    role,
    has,
    sees,
    owns,
    demand: (object, privilege) => {
      if (has(object, privilege)) return
      if (!sees(object)) throw doesNotExist(kind(object), qualifiedName(object))
      throw insufficientPrivileges(object.kind.toLowerCase(), object.name)
    },
    demandPlace: (database, schema) => {
      if (!has(database, 'USAGE')) throw doesNotExist('Database', database.name)
      if (schema !== null && !has(schema, 'USAGE')) throw doesNotExist('Schema', qualifiedName(schema))
    },
    as: (other) => accessOf(account, other),
  }
}
