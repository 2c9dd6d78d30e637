/** DESCRIBE … */
import type { StatementResult } from '../../engine.ts'
import {
  type FileFormat,
  type Integration,
  qualifiedName,
  type Relation,
  type Securable,
  type Stage,
} from '../catalogue/objects.ts'
import { notSupported, wrongObjectKind } from '../errors.ts'
import { nameText } from '../parse/cursor.ts'
import { type Run, STATEMENT } from '../run.ts'
import type { StatementOf } from '../statement.ts'
import { typeText } from '../types.ts'
import { type Shown, shownTable } from './show.ts'

const COLUMNS = [
  'name',
  'type',
  'kind',
  'null?',
  'default',
  'primary key',
  'unique key',
  'check',
  'expression',
  'comment',
  'policy name',
]
const PROPERTIES = ['property', 'property_type', 'property_value', 'property_default']

export function describe(run: Run, { what, name }: StatementOf<'describe'>): StatementResult {
  const found: Securable = run.names.object(what, name)
  const table = (columns: readonly string[], rows: readonly Shown[]) => shownTable(columns, rows, STATEMENT.describe)
  const isRelation = what === 'TABLE' || what === 'VIEW' || what === 'EXTERNAL TABLE'
  // DESCRIBE TABLE takes every relation, DESCRIBE VIEW too; an external table must be one.
  if (found.kind !== what && !(isRelation && what !== 'EXTERNAL TABLE')) throw wrongObjectKind(nameText(name), found.kind, what)
  switch (found.kind) {
    case 'TABLE':
    case 'VIEW':
    case 'EXTERNAL TABLE':
      return table(COLUMNS, relationRows(found as Relation))
    case 'STAGE':
      return table(['parent_property', ...PROPERTIES], stageRows(found as Stage))
    case 'FILE FORMAT':
      return table(PROPERTIES, formatRows(found as FileFormat))
    case 'INTEGRATION':
      run.access.demand(found, 'USAGE')
      return table(PROPERTIES, integrationRows(found as Integration))
    case 'WAREHOUSE':
    case 'DATABASE':
    case 'SCHEMA':
      return table(['created_on', 'name', 'kind'], [{ created_on: found.createdOn, name: found.name, kind: found.kind }])
    case 'ROLE':
    case 'USER':
    case 'MASKING POLICY':
    case 'ROW ACCESS POLICY':
      throw notSupported(`DESCRIBE ${found.kind}`)
    default:
      return found.kind satisfies never
  }
}

function relationRows(relation: Relation): readonly Shown[] {
  const row = (column: Relation['columns'][number]): Shown => ({
    name: column.name,
    type: typeText(column.type),
    kind: 'expression' in column ? 'VIRTUAL' : 'COLUMN',
    'null?': column.nullable ? 'Y' : 'N',
    'primary key': 'N',
    'unique key': 'N',
    expression: 'expression' in column ? column.text : null,
    comment: column.comment === '' ? null : column.comment,
    'policy name': column.mask === null ? null : qualifiedName(column.mask),
  })
  const value: Shown = {
    name: 'VALUE',
    type: 'VARIANT',
    kind: 'COLUMN',
    'null?': 'Y',
    'primary key': 'N',
    'unique key': 'N',
    comment: 'The value of this row',
  }
  return relation.kind === 'EXTERNAL TABLE' ? [value, ...relation.columns.map(row)] : relation.columns.map(row)
}

function stageRows({ options, format }: Stage): readonly Shown[] {
  const row = (parent: string, property: string, type: string, value: string | null, fallback = ''): Shown => ({
    parent_property: parent,
    property,
    property_type: type,
    property_value: value ?? '',
    property_default: fallback,
  })
  const named = format?.get('FORMAT_NAME')
  return [
    row('STAGE_FILE_FORMAT', 'TYPE', 'String', String(format?.get('TYPE') ?? 'CSV'), 'CSV'),
    ...(named === undefined ? [] : [row('STAGE_FILE_FORMAT', 'FORMAT_NAME', 'String', typeof named === 'string' ? named : '')]),
    row('STAGE_COPY_OPTIONS', 'ON_ERROR', 'String', 'ABORT_STATEMENT', 'ABORT_STATEMENT'),
    row('STAGE_LOCATION', 'URL', 'String', JSON.stringify([options.url])),
    ...(options.endpoint === null ? [] : [row('STAGE_LOCATION', 'ENDPOINT', 'String', options.endpoint)]),
    row('STAGE_INTEGRATION', 'STORAGE_INTEGRATION', 'String', options.integration),
    row('STAGE_CREDENTIALS', 'AWS_KEY_ID', 'String', options.credentials?.accessKeyId ?? null),
    row('DIRECTORY', 'ENABLE', 'Boolean', 'false', 'false'),
  ]
}

function formatRows({ format }: FileFormat): readonly Shown[] {
  const row = (property: string, type: string, value: string, fallback: string): Shown => ({
    property,
    property_type: type,
    property_value: value,
    property_default: fallback,
  })
  const rows = [row('TYPE', 'String', format.type, 'CSV'), row('COMPRESSION', 'String', format.compression, 'AUTO')]
  if (format.type !== 'PARQUET') return rows
  return [
    ...rows,
    row('BINARY_AS_TEXT', 'Boolean', String(format.binaryAsText), 'true'),
    row('USE_LOGICAL_TYPE', 'Boolean', String(format.useLogicalType), 'false'),
  ]
}

function integrationRows({ allowed, comment }: Integration): readonly Shown[] {
  const row = (property: string, type: string, value: string): Shown => ({
    property,
    property_type: type,
    property_value: value,
    property_default: '',
  })
  return [
    row('ENABLED', 'Boolean', 'true'),
    row('STORAGE_PROVIDER', 'String', 'S3'),
    row('STORAGE_ALLOWED_LOCATIONS', 'List', allowed.join(',')),
    row('STORAGE_BLOCKED_LOCATIONS', 'List', ''),
    row('STORAGE_AWS_IAM_USER_ARN', 'String', 'arn:aws:iam::000000000000:user/local'),
    row('STORAGE_AWS_ROLE_ARN', 'String', 'arn:aws:iam::000000000000:role/local'),
    row('STORAGE_AWS_EXTERNAL_ID', 'String', 'LOCAL_SFCRole=1_local='),
    row('COMMENT', 'String', comment),
  ]
}
