/** TABLE(INFORMATION_SCHEMA.…) and TABLE(RESULT_SCAN(…)). */
import type { RelationSource } from '../bind/scope.ts'
import type { Access } from '../catalogue/access.ts'
import type { Names } from '../catalogue/names.ts'
import { type Policy, qualifiedName, type Relation } from '../catalogue/objects.ts'
import { invalidParameter, relationDoesNotExist } from '../errors.ts'
import { rowsRelation } from '../kept-results.ts'
import { rowPolicyColumns } from '../resolve.ts'
import { type Run, registryOf } from '../run.ts'
import { namedIn } from '../statements/formats.ts'
import { number, resultColumn, type SqlType, text, timestamp } from '../types.ts'
import { type Cell, cellText } from '../wire.ts'

type Columns = readonly (readonly [name: string, type: SqlType])[]

const T = text()
const LTZ = timestamp('timestamp_ltz', 3)

function relation(columns: Columns, rows: readonly (readonly Cell[])[]): RelationSource {
  const listed = columns.map(([name, type]) => resultColumn(name, type, true))
  return rowsRelation(
    listed,
    rows.map((row) => row.map((cell, index) => cellText(cell, columns[index]?.[1]))),
  )
}

/** Null when there is no such function. */
export function tableFunctions(
  run: Run,
  names: Names,
  access: Access,
  name: string,
  named: ReadonlyMap<string, string>,
  positional: readonly string[],
): RelationSource | null {
  if (name === 'RESULT_SCAN') return resultScan(run, positional[0] ?? '')
  const parts = name.split('.')
  if (parts.at(-2) !== 'INFORMATION_SCHEMA') return null
  if (parts.length === 2 && run.session.database === null) names.database(null)
  const wanted = (key: string): string => {
    const value = named.get(key)
    if (value === undefined) throw invalidParameter(`Missing argument ${key} of ${parts.at(-1)}`)
    return value
  }
  switch (parts.at(-1)) {
    case 'EXTERNAL_TABLE_FILES':
      return externalTableFiles(run, names, access, wanted('TABLE_NAME'))
    case 'POLICY_REFERENCES':
      return named.has('POLICY_NAME')
        ? policyUses(run, names, wanted('POLICY_NAME'))
        : policyReferences(names, access, wanted('REF_ENTITY_NAME'), wanted('REF_ENTITY_DOMAIN'))
    default:
      return null
  }
}

function resultScan(run: Run, queryId: string): RelationSource {
  const kept = run.session.results.get(queryId)
  if (kept === undefined) throw invalidParameter(`Statement ${queryId} not found`)
  if (kept.rows === null) throw invalidParameter(`The result of statement ${queryId} is too large to be scanned here`)
  return rowsRelation(kept.columns, kept.rows)
}

/** Paths from the bucket's root, as METADATA$FILENAME has them. */
function externalTableFiles(run: Run, names: Names, access: Access, name: string): RelationSource {
  const table = names.relation(namedIn(name))
  if (table.kind !== 'EXTERNAL TABLE' || !access.sees(table)) throw relationDoesNotExist(name)
  const files = [...registryOf(run, table).values()].toSorted((a, b) => (a.key < b.key ? -1 : 1))
  return relation(
    [
      ['FILE_NAME', T],
      ['REGISTERED_ON', LTZ],
      ['FILE_SIZE', number(38)],
      ['LAST_MODIFIED', LTZ],
      ['ETAG', T],
      ['MD5', T],
    ],
    files.map(({ key, registeredOn, size, lastModified, etag }) => [key, registeredOn, size, lastModified, etag, etag]),
  )
}

const REFERENCES: Columns = [
  ['POLICY_DB', T],
  ['POLICY_SCHEMA', T],
  ['POLICY_NAME', T],
  ['POLICY_KIND', T],
  ['REF_DATABASE_NAME', T],
  ['REF_SCHEMA_NAME', T],
  ['REF_ENTITY_NAME', T],
  ['REF_ENTITY_DOMAIN', T],
  ['REF_COLUMN_NAME', T],
  ['REF_ARG_COLUMN_NAMES', T],
  ['TAG_DATABASE', T],
  ['TAG_SCHEMA', T],
  ['TAG_NAME', T],
  ['POLICY_STATUS', T],
]

function policyReferences(names: Names, access: Access, entity: string, domain: string): RelationSource {
  if (!['TABLE', 'VIEW', 'EXTERNAL TABLE'].includes(domain.toUpperCase()))
    throw invalidParameter(`invalid value [${domain}] for parameter 'REF_ENTITY_DOMAIN'`)
  const found = names.relation(namedIn(entity))
  if (!access.sees(found)) throw relationDoesNotExist(entity)
  return relation(REFERENCES, referencesOf(found))
}

function policyUses(run: Run, names: Names, name: string): RelationSource {
  const policy = names.policy(namedIn(name))
  const all = [...run.engine.account.databases.values()]
    .flatMap(({ schemas }) => [...schemas.values()])
    .flatMap(({ relations }) => [...relations.values()])
  return relation(
    REFERENCES,
    all.flatMap((each) => referencesOf(each)).filter((row) => [row[0], row[1], row[2]].join('.') === qualifiedName(policy)),
  )
}

function referencesOf(found: Relation): readonly (readonly Cell[])[] {
  const row = (policy: Policy, column: string | null, inputs: readonly string[] | null): readonly Cell[] => [
    policy.schema.database.name,
    policy.schema.name,
    policy.name,
    policy.kind.replaceAll(' ', '_'),
    found.schema.database.name,
    found.schema.name,
    found.name,
    found.kind,
    column,
    inputs === null ? null : `[ ${inputs.map((each) => JSON.stringify(each)).join(', ')} ]`,
    null,
    null,
    null,
    'ACTIVE',
  ]
  return [
    ...found.columns.flatMap(({ name, mask }) => (mask === null ? [] : [row(mask, name, null)])),
    ...(found.rowPolicy === null ? [] : [row(found.rowPolicy, null, rowPolicyColumns.get(found) ?? [])]),
  ]
}
