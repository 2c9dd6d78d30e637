/** CREATE DATABASE, SCHEMA, FILE FORMAT, STAGE, ROLE, policies. */
import type { ObjectName } from '../ast.ts'
import { newDatabase, newSchema } from '../catalogue/account.ts'
import {
  type FileFormat,
  type Grant,
  type Policy,
  qualifiedName,
  type Schema,
  type Securable,
  type Stage,
  type StageOptions,
  securable,
} from '../catalogue/objects.ts'
import { alreadyExists, doesNotExist, insufficientPrivileges, invalidParameter } from '../errors.ts'
import { nameText } from '../parse/cursor.ts'
import { type OptionMap, optionMap, optionName, optionText } from '../parse/options.ts'
import type { Run } from '../run.ts'
import { status } from '../run.ts'
import { checkAllowed, stagePlace } from '../stage/buckets.ts'
import type { Creation, StatementOf } from '../statement.ts'
import { formatOptions } from './formats.ts'

const title = (kind: string): string => kind.charAt(0) + kind.slice(1).toLowerCase()
export const created = (kind: string, name: string) => status(`${kind} ${name} successfully created.`)
const exists = (name: string) => status(`${name} already exists, statement succeeded.`)

/** Null when there is nothing to do; throws 002002 when the name is taken and neither clause says what then. */
export function taken<T extends Securable>(run: Run, creation: Creation, found: T | undefined): 'none' | 'keep' | T {
  if (found === undefined) return 'none'
  if (creation.ifNotExists) return 'keep'
  if (!creation.replace) throw alreadyExists(nameText(creation.name))
  if (!run.access.owns(found)) throw insufficientPrivileges(found.kind.toLowerCase(), found.name)
  return found
}

export function createDatabase(run: Run, statement: StatementOf<'create-database'>) {
  const name = onlyPart(statement.name)
  const found = taken(run, statement, run.engine.account.databases.get(name))
  if (found === 'keep') return exists(name)
  run.access.demand(run.engine.account.grants, 'CREATE DATABASE')
  const made = newDatabase(name, run.session.role, run.now, optionText(statement.options, 'COMMENT') ?? '', statement.transient)
  run.engine.account.databases.set(name, made)
  run.session.database = name
  run.session.schema = 'PUBLIC'
  return created('Database', name)
}

export function createSchema(run: Run, statement: StatementOf<'create-schema'>) {
  const parts = statement.name.parts
  if (parts.length > 2) throw invalidParameter(`'${nameText(statement.name)}' is not the name of a schema`)
  const name = parts.at(-1)?.text ?? ''
  const database = run.names.database(parts.length === 2 ? { ...statement.name, parts: parts.slice(0, 1) } : null)
  const found = taken(run, statement, database.schemas.get(name))
  if (found === 'keep') return exists(name)
  run.access.demand(database, 'CREATE SCHEMA')
  const made = newSchema(
    database,
    name,
    run.session.role,
    run.now,
    optionText(statement.options, 'COMMENT') ?? '',
    statement.transient,
  )
  database.schemas.set(name, made)
  // A new schema is the session's schema from then on.
  run.session.database = database.name
  run.session.schema = name
  return created('Schema', name)
}

const onlyPart = (name: ObjectName): string => {
  if (name.parts.length !== 1) throw invalidParameter(`'${nameText(name)}' is not a name of one part`)
  return name.parts[0]?.text ?? ''
}

/** The schema of a new object, after its privilege was asked for. */
export function placeFor(run: Run, creation: Creation, privilege: string): { readonly schema: Schema; readonly name: string } {
  const place = run.names.place(creation.name)
  if (!run.access.has(place.schema, privilege)) throw insufficientPrivileges('schema', place.schema.name)
  return place
}

/** Grants that objects of the kind begin with in this schema, and those of the one that is replaced. */
export function firstGrants(run: Run, schema: Schema, kind: Securable['kind'], replaced: Securable | null): Grant[] {
  const future = schema.future
    .filter(({ objects }) => objects === kind)
    .map(({ privilege, role }): Grant => ({ privilege, role, by: run.session.role, on: run.now }))
  return [...(replaced?.grants ?? []), ...future]
}

export function createFileFormat(run: Run, statement: StatementOf<'create-file-format'>) {
  const { schema, name } = placeFor(run, statement, 'CREATE FILE FORMAT')
  const found = taken(run, statement, schema.formats.get(name))
  if (found === 'keep') return exists(name)
  const comment = optionText(statement.options, 'COMMENT') ?? ''
  const made: FileFormat = {
    ...securable('FILE FORMAT', name, run.session.role, run.now, comment),
    schema,
    format: formatOptions(statement.options),
  }
  made.grants = firstGrants(run, schema, 'FILE FORMAT', null)
  if (statement.temporary) run.session.temporary.add(made)
  schema.formats.set(name, made)
  return created('File format', name)
}

export function createStage(run: Run, statement: StatementOf<'create-stage'>) {
  const { schema, name } = placeFor(run, statement, 'CREATE STAGE')
  const found = taken(run, statement, schema.stages.get(name))
  if (found === 'keep') return exists(name)
  const options = stageOptions(run, statement.options, null)
  if (found !== 'none') unlinkTables(run, found)
  const comment = optionText(statement.options, 'COMMENT') ?? ''
  const made: Stage = {
    ...securable('STAGE', name, run.session.role, run.now, comment),
    schema,
    id: run.engine.account.next(),
    options,
    format: optionMap(statement.options, 'FILE_FORMAT'),
  }
  made.grants = firstGrants(run, schema, 'STAGE', null)
  if (statement.temporary) run.session.temporary.add(made)
  schema.stages.set(name, made)
  return status(`Stage area ${name} successfully created.`)
}

/** Tables on the stage hold on to what is gone: no name brings them back. */
export function unlinkTables(run: Run, stage: Stage): void {
  for (const database of run.engine.account.databases.values()) {
    for (const schema of database.schemas.values()) {
      for (const relation of schema.relations.values()) {
        if (relation.kind === 'EXTERNAL TABLE' && relation.stage === stage)
          relation.invalid = `Stage '${qualifiedName(stage)}' was dropped or replaced.`
      }
    }
  }
}

export function stageOptions(run: Run, options: OptionMap, before: StageOptions | null): StageOptions {
  const url = optionText(options, 'URL') ?? before?.url
  if (url === undefined) throw invalidParameter('internal stages are not supported here: a stage needs a URL')
  const { scheme } = stagePlace(url)
  const given = optionMap(options, 'CREDENTIALS')
  const keyId = given === null ? null : optionText(given, 'AWS_KEY_ID')
  const secret = given === null ? null : optionText(given, 'AWS_SECRET_KEY')
  if (given !== null && (keyId === null || secret === null))
    throw invalidParameter("missing property 'AWS_KEY_ID' or 'AWS_SECRET_KEY' in CREDENTIALS")
  const credentials =
    given === null || keyId === null || secret === null
      ? (before?.credentials ?? null)
      : { accessKeyId: keyId, secretAccessKey: secret, sessionToken: optionText(given, 'AWS_TOKEN') }
  const integration = integrationOf(run, options) ?? (given === null ? (before?.integration ?? null) : null)
  const endpoint = optionText(options, 'ENDPOINT') ?? before?.endpoint ?? null
  if (scheme === 's3compat' && endpoint === null) throw invalidParameter("missing property 'ENDPOINT' for an S3-compatible stage")
  if (scheme === 's3' && endpoint !== null) throw invalidParameter("invalid property 'ENDPOINT' for an s3 stage")
  if (options.has('DIRECTORY')) {
    const directory = optionMap(options, 'DIRECTORY')
    if (directory?.get('AUTO_REFRESH') === true) throw invalidParameter('AUTO_REFRESH is not supported here')
  }
  const made = { url, endpoint, credentials, integration }
  checkAllowed(run.engine.account, made)
  return made
}

function integrationOf(run: Run, options: OptionMap): string | null {
  const name = optionName(options, 'STORAGE_INTEGRATION')
  if (name === null) return null
  const found = run.engine.account.integrations.get(onlyPart(name))
  if (found === undefined) throw doesNotExist('Integration', nameText(name))
  run.access.demand(found, 'USAGE')
  return found.name
}

export function createRole(run: Run, statement: StatementOf<'create-role'>) {
  const name = onlyPart(statement.name)
  const { roles } = run.engine.account
  const found = taken(run, statement, roles.get(name))
  if (found === 'keep') return exists(name)
  if (!run.access.has(run.engine.account.grants, 'CREATE ROLE')) throw insufficientPrivileges('account', run.engine.account.name)
  roles.set(name, { ...securable('ROLE', name, run.session.role, run.now), includes: new Set(['PUBLIC']) })
  return created('Role', name)
}

export function createPolicy(run: Run, statement: StatementOf<'create-policy'>) {
  const { schema, name } = placeFor(run, statement, 'CREATE POLICY')
  const found = taken(run, statement, schema.policies.get(name))
  if (found === 'keep') return exists(name)
  const { body, text, what } = statement
  const made: Policy = {
    ...securable(what, name, run.session.role, run.now),
    schema,
    parameters: statement.parameters.map(({ name: each }) => each.text),
    body,
    text,
  }
  schema.policies.set(name, made)
  return created(title(what), name)
}
