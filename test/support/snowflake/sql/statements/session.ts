/** USE, ALTER SESSION, transactions, grants and roles. */
import { SqlError, type StatementResult } from '../../engine.ts'
import { rolesOf } from '../catalogue/access.ts'
import { qualifiedName, type Securable } from '../catalogue/objects.ts'
import { doesNotExist, insufficientPrivileges, invalidParameter, noSuchPlace } from '../errors.ts'
import { changed } from '../external/registry.ts'
import { DONE, type Run, STATEMENT, status } from '../run.ts'
import { checkedParameter, PARAMETERS } from '../session-state.ts'
import { shownTable } from '../show/show.ts'
import type { Grantee, GrantTarget, ObjectKind, StatementOf } from '../statement.ts'

export function use(run: Run, { what, name }: StatementOf<'use'>): StatementResult {
  const { session, names, engine } = run
  const missing = (error: unknown): never => {
    throw error instanceof SqlError && error.code === '002003' ? noSuchPlace() : error
  }
  const [first, second] = name?.parts ?? []
  switch (what) {
    case 'SECONDARY ROLES':
      break
    case 'ROLE': {
      const role = first?.text ?? ''
      const user = engine.account.users.get(session.user)
      const allowed =
        engine.account.roles.has(role) && [...(user?.roles ?? [])].some((each) => rolesOf(engine.account, each).has(role))
      if (!allowed) {
        throw new SqlError(
          '003013',
          '42501',
          `SQL access control error:\nRequested role '${role}' is not assigned to the executing user. Specify another role to activate.`,
        )
      }
      session.role = role
      break
    }
    case 'WAREHOUSE': {
      const found = engine.account.warehouses.get(first?.text ?? '')
      if (found === undefined || !run.access.has(found, 'USAGE')) throw noSuchPlace()
      session.warehouse = found.name
      break
    }
    case 'DATABASE':
    case 'SCHEMA':
    case null:
      try {
        if (what === 'SCHEMA' || second !== undefined) {
          const schema = names.schema(name)
          session.database = schema.database.name
          session.schema = schema.name
        } else {
          const database = names.database(name)
          session.database = database.name
          session.schema = database.schemas.has('PUBLIC') ? 'PUBLIC' : null
        }
      } catch (error) {
        missing(error)
      }
      break
    default:
      return what satisfies never
  }
  return status(DONE, STATEMENT.use)
}

export function setSession(run: Run, statement: StatementOf<'set-session'> | StatementOf<'unset-session'>): StatementResult {
  const { parameters } = run.session
  if (statement.kind === 'unset-session') {
    for (const name of statement.names)
      parameters.set(name, checkedParameter(name, name === 'TIMEZONE' ? 'UTC' : (PARAMETERS[name]?.fallback ?? '')))
  } else {
    const checked = [...statement.values].map(([name, value]) => [name, checkedParameter(name, value)] as const)
    for (const [name, value] of checked) parameters.set(name, value)
  }
  return status(DONE, STATEMENT.session)
}

/** BEGIN inside a transaction goes on with it; COMMIT and ROLLBACK without one do nothing. */
export async function transaction(run: Run, { action }: StatementOf<'transaction'>): Promise<StatementResult> {
  const { session } = run
  if (action === 'begin' && session.transaction === null) {
    const connection = await run.engine.duck.connect()
    await connection.run('BEGIN TRANSACTION', run.signal)
    session.transaction = { connection, changes: new Map(), startedBy: String(run.now.getTime()), wrote: false }
  } else if (action !== 'begin') await endTransaction(run, action)
  return status(DONE, STATEMENT.transaction)
}

export async function endTransaction(
  { session, signal }: Pick<Run, 'session' | 'signal'>,
  action: 'commit' | 'rollback',
): Promise<void> {
  const { transaction: open } = session
  if (open === null) return
  session.transaction = null
  try {
    await open.connection.run(action === 'commit' ? 'COMMIT' : 'ROLLBACK', signal)
    if (action === 'commit') for (const [table, changes] of open.changes) table.registry = changed(table.registry, changes)
  } finally {
    open.connection[Symbol.dispose]()
  }
}

/** ALL PRIVILEGES by kind. */
const ALL: Readonly<Partial<Record<ObjectKind | 'ACCOUNT', readonly string[]>>> = {
  DATABASE: ['USAGE', 'CREATE SCHEMA', 'MONITOR', 'MODIFY'],
  SCHEMA: [
    'USAGE',
    'CREATE TABLE',
    'CREATE EXTERNAL TABLE',
    'CREATE VIEW',
    'CREATE STAGE',
    'CREATE FILE FORMAT',
    'MONITOR',
    'MODIFY',
  ],
  TABLE: ['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES'],
  'EXTERNAL TABLE': ['SELECT', 'REFERENCES'],
  VIEW: ['SELECT', 'REFERENCES'],
  STAGE: ['USAGE', 'READ', 'WRITE'],
  'FILE FORMAT': ['USAGE'],
  WAREHOUSE: ['USAGE', 'OPERATE', 'MONITOR', 'MODIFY'],
  INTEGRATION: ['USAGE'],
}

function targets(run: Run, target: GrantTarget): readonly Securable[] {
  if (target.kind === 'future') return []
  if (target.kind === 'object') {
    if (target.object === 'ACCOUNT' || target.name === null) return [run.engine.account.grants]
    return [run.names.object(target.object, target.name)]
  }
  const schemas =
    target.within === 'SCHEMA' ? [run.names.schema(target.name)] : [...run.names.database(target.name).schemas.values()]
  if (target.objects === 'SCHEMA') return schemas
  return schemas.flatMap(({ relations, stages, formats }): readonly Securable[] =>
    target.objects === 'STAGE'
      ? [...stages.values()]
      : target.objects === 'FILE FORMAT'
        ? [...formats.values()]
        : [...relations.values()].filter(({ kind }) => kind === target.objects),
  )
}

export function grant(run: Run, statement: StatementOf<'grant'> | StatementOf<'revoke'>): StatementResult {
  const { target, to, privileges } = statement
  const role = roleOf(run, to)
  const kind = target.kind === 'object' ? target.object : target.objects
  const known = ALL[kind] ?? []
  const wanted = privileges === 'all' ? known : privileges
  const wrong = wanted.find((each) => each !== 'OWNERSHIP' && kind !== 'ACCOUNT' && !known.includes(each))
  if (wrong !== undefined) throw invalidParameter(`Invalid object type '${kind}' for privilege '${wrong}'`)
  if (target.kind === 'future') return future(run, statement, wanted, role)
  for (const object of targets(run, target)) {
    if (!run.access.owns(object)) throw insufficientPrivileges(object.kind.toLowerCase(), object.name)
    for (const privilege of wanted) {
      object.grants = object.grants.filter((each) => !(each.role === role && each.privilege === privilege))
      if (statement.kind === 'revoke') continue
      if (privilege === 'OWNERSHIP') object.owner = role
      else object.grants.push({ privilege, role, by: run.session.role, on: run.now })
    }
  }
  return status(DONE)
}

function future(
  run: Run,
  { kind, target }: StatementOf<'grant'> | StatementOf<'revoke'>,
  wanted: readonly string[],
  role: string,
): StatementResult {
  if (target.kind !== 'future' || target.within !== 'SCHEMA')
    throw invalidParameter('FUTURE grants are taken for a schema only here')
  const schema = run.names.schema(target.name)
  if (!run.access.owns(schema)) throw insufficientPrivileges('schema', schema.name)
  schema.future = schema.future.filter(
    (each) => !(each.role === role && each.objects === target.objects && wanted.includes(each.privilege)),
  )
  if (kind === 'grant') schema.future.push(...wanted.map((privilege) => ({ objects: target.objects, privilege, role })))
  return status(DONE)
}

function roleOf(run: Run, to: Grantee): string {
  if (to.kind === 'USER') throw invalidParameter('privileges are granted to roles')
  if (!run.engine.account.roles.has(to.name.text)) throw doesNotExist('Role', to.name.text)
  return to.name.text
}

export function grantRole(run: Run, { kind, role, to }: StatementOf<'grant-role'> | StatementOf<'revoke-role'>): StatementResult {
  const { account } = run.engine
  const found = account.roles.get(role.text)
  if (found === undefined) throw doesNotExist('Role', role.text)
  if (!run.access.owns(found)) throw insufficientPrivileges('role', role.text)
  const holder = to.kind === 'USER' ? account.users.get(to.name.text)?.roles : account.roles.get(to.name.text)?.includes
  if (holder === undefined) throw doesNotExist(to.kind === 'USER' ? 'User' : 'Role', to.name.text)
  if (kind === 'grant-role') {
    if (to.kind === 'ROLE' && rolesOf(account, role.text).has(to.name.text))
      throw invalidParameter('granting this role would make a cycle')
    holder.add(role.text)
  } else holder.delete(role.text)
  return status(DONE)
}

const GRANTS = ['created_on', 'privilege', 'granted_on', 'name', 'granted_to', 'grantee_name', 'grant_option', 'granted_by']

export function showGrants(run: Run, { on, to, of }: StatementOf<'show-grants'>): StatementResult {
  const { account } = run.engine
  if (of !== null) {
    const rows = [
      ...[...account.users.values()]
        .filter(({ roles }) => roles.has(of.text))
        .map(({ name }) => ({
          role: of.text,
          granted_to: 'USER',
          grantee_name: name,
          granted_by: 'USERADMIN',
          created_on: run.now,
        })),
      ...[...account.roles.values()]
        .filter(({ includes }) => includes.has(of.text))
        .map(({ name }) => ({
          role: of.text,
          granted_to: 'ROLE',
          grantee_name: name,
          granted_by: 'USERADMIN',
          created_on: run.now,
        })),
    ]
    return shownTable(['created_on', 'role', 'granted_to', 'grantee_name', 'granted_by'], rows)
  }
  if (on !== null)
    return shownTable(
      GRANTS,
      targets(run, on).flatMap((object) => grantRows(object)),
    )
  if (to === null || to.kind === 'USER') {
    const user = account.users.get(to?.name.text ?? run.session.user)
    if (user === undefined) throw doesNotExist('User', to?.name.text ?? '')
    return shownTable(
      ['created_on', 'role', 'granted_to', 'grantee_name', 'granted_by'],
      [...user.roles].map((role) => ({
        role,
        granted_to: 'USER',
        grantee_name: user.name,
        granted_by: 'USERADMIN',
        created_on: run.now,
      })),
    )
  }
  const role = account.roles.get(to.name.text)
  if (role === undefined) throw noSuchPlace()
  const rows = everything(run)
    .flatMap(grantRows)
    .filter(({ grantee_name }) => grantee_name === role.name)
  const roles = [...role.includes].map((name) => ({
    created_on: role.createdOn,
    privilege: 'USAGE',
    granted_on: 'ROLE',
    name,
    granted_to: 'ROLE',
    grantee_name: role.name,
    grant_option: 'false',
    granted_by: 'USERADMIN',
  }))
  return shownTable(GRANTS, [...rows, ...roles])
}

function everything({ engine: { account } }: Run): readonly Securable[] {
  const schemas = [...account.databases.values()].flatMap((database) => [...database.schemas.values()])
  return [
    account.grants,
    ...account.databases.values(),
    ...account.warehouses.values(),
    ...account.integrations.values(),
    ...schemas,
    ...schemas.flatMap(({ relations, stages, formats, policies }) => [
      ...relations.values(),
      ...stages.values(),
      ...formats.values(),
      ...policies.values(),
    ]),
  ]
}

function grantRows(object: Securable) {
  const row = (privilege: string, role: string, on: Date) => ({
    created_on: on,
    privilege,
    granted_on: object.kind === 'USER' ? 'ACCOUNT' : object.kind.replaceAll(' ', '_'),
    name: qualifiedName(object),
    granted_to: 'ROLE',
    grantee_name: role,
    grant_option: privilege === 'OWNERSHIP' ? 'true' : 'false',
    granted_by: object.owner,
  })
  return [
    row('OWNERSHIP', object.owner, object.createdOn),
    ...object.grants.map(({ privilege, role, on }) => row(privilege, role, on)),
  ]
}
