/** INFORMATION_SCHEMA: TABLES, VIEWS, COLUMNS, SCHEMATA, DATABASES, EXTERNAL_TABLES, as relations of one database. */
import type { ObjectName } from '../ast.ts'
import type { RelationSource } from '../bind/scope.ts'
import type { Access } from '../catalogue/access.ts'
import type { Names } from '../catalogue/names.ts'
import type { Database, Relation } from '../catalogue/objects.ts'
import { relationDoesNotExist } from '../errors.ts'
import { rowsRelation } from '../kept-results.ts'
import { nameText } from '../parse/cursor.ts'
import type { Run } from '../run.ts'
import { dataType, number, resultColumn, type SqlType, text, timestamp } from '../types.ts'
import { type Cell, cellText } from '../wire.ts'

type View = {
  readonly columns: readonly (readonly [name: string, type: SqlType])[]
  readonly rows: (database: Database, relations: readonly Relation[], access: Access) => readonly (readonly Cell[])[]
}

const LTZ = timestamp('timestamp_ltz', 3)
const T = text()
const N = number(9)

const place = (relation: Relation): readonly Cell[] => [relation.schema.database.name, relation.schema.name, relation.name]
const PLACE = [
  ['TABLE_CATALOG', T],
  ['TABLE_SCHEMA', T],
  ['TABLE_NAME', T],
] as const

const VIEWS: Readonly<Record<string, View>> = {
  TABLES: {
    columns: [
      ...PLACE,
      ['TABLE_OWNER', T],
      ['TABLE_TYPE', T],
      ['IS_TRANSIENT', T],
      ['CLUSTERING_KEY', T],
      ['ROW_COUNT', number(38)],
      ['BYTES', number(38)],
      ['CREATED', LTZ],
      ['LAST_ALTERED', LTZ],
      ['COMMENT', T],
      ['IS_ICEBERG', T],
      ['IS_DYNAMIC', T],
    ],
    rows: (_, relations) =>
      relations.map((each) => [
        ...place(each),
        each.owner,
        each.kind === 'TABLE' ? (each.persistence === 'temporary' ? 'LOCAL TEMPORARY' : 'BASE TABLE') : each.kind,
        each.kind === 'TABLE' && each.persistence === 'transient' ? 'YES' : 'NO',
        null,
        null,
        null,
        each.createdOn,
        each.createdOn,
        each.comment === '' ? null : each.comment,
        'NO',
        'NO',
      ]),
  },
  VIEWS: {
    columns: [...PLACE, ['TABLE_OWNER', T], ['VIEW_DEFINITION', T], ['IS_SECURE', T], ['CREATED', LTZ], ['COMMENT', T]],
    rows: (_, relations) =>
      relations.flatMap((each) =>
        each.kind === 'VIEW'
          ? [[...place(each), each.owner, each.text, each.secure ? 'YES' : 'NO', each.createdOn, each.comment]]
          : [],
      ),
  },
  EXTERNAL_TABLES: {
    columns: [
      ...PLACE,
      ['TABLE_OWNER', T],
      ['CREATED', LTZ],
      ['COMMENT', T],
      ['LOCATION', T],
      ['FILE_FORMAT_NAME', T],
      ['FILE_FORMAT_TYPE', T],
    ],
    rows: (_, relations) =>
      relations.flatMap((each) =>
        each.kind === 'EXTERNAL TABLE'
          ? [
              [
                ...place(each),
                each.owner,
                each.createdOn,
                each.comment,
                `@${each.stage.name}/${each.path}`,
                each.formatName,
                each.format.type,
              ],
            ]
          : [],
      ),
  },
  COLUMNS: {
    columns: [
      ...PLACE,
      ['COLUMN_NAME', T],
      ['ORDINAL_POSITION', N],
      ['COLUMN_DEFAULT', T],
      ['IS_NULLABLE', T],
      ['DATA_TYPE', T],
      ['CHARACTER_MAXIMUM_LENGTH', N],
      ['NUMERIC_PRECISION', N],
      ['NUMERIC_SCALE', N],
      ['DATETIME_PRECISION', N],
      ['COMMENT', T],
    ],
    rows: (_, relations) => relations.flatMap(columnRows),
  },
  SCHEMATA: {
    columns: [
      ['CATALOG_NAME', T],
      ['SCHEMA_NAME', T],
      ['SCHEMA_OWNER', T],
      ['IS_TRANSIENT', T],
      ['CREATED', LTZ],
      ['COMMENT', T],
    ],
    rows: (database, _, access) =>
      [...database.schemas.values()]
        .filter((each) => access.sees(each))
        .map((each) => [database.name, each.name, each.owner, each.transient ? 'YES' : 'NO', each.createdOn, each.comment]),
  },
}

function columnRows(relation: Relation): readonly (readonly Cell[])[] {
  const own = relation.columns.map((column) => ({ ...column, virtual: relation.kind === 'EXTERNAL TABLE' }))
  const value = { name: 'VALUE', type: { kind: 'variant' } as SqlType, nullable: true, comment: 'The value of this row' }
  return (relation.kind === 'EXTERNAL TABLE' ? [value, ...own] : own).map(({ name, type, nullable, comment }, index) => [
    ...place(relation),
    name,
    index + 1,
    null,
    nullable ? 'YES' : 'NO',
    dataType(type),
    type.kind === 'text' ? type.length : null,
    type.kind === 'number' ? type.precision : null,
    type.kind === 'number' ? type.scale : null,
    type.kind !== 'number' && 'scale' in type ? type.scale : null,
    comment === '' ? null : comment,
  ])
}

/** Null when the name is not below an INFORMATION_SCHEMA. */
export function informationSchema(_run: Run, names: Names, access: Access, name: ObjectName): RelationSource | null {
  const parts = name.parts.map(({ text: each }) => each)
  if (parts.at(-2) !== 'INFORMATION_SCHEMA') return null
  const database = names.database(parts.length === 3 ? { ...name, parts: name.parts.slice(0, 1) } : null)
  const view = VIEWS[parts.at(-1) ?? '']
  if (view === undefined) throw relationDoesNotExist(nameText(name))
  const relations = [...database.schemas.values()]
    .filter((schema) => access.sees(schema))
    .flatMap((schema) => [...schema.relations.values()])
    .filter((each) => access.sees(each))
  const columns = view.columns.map(([column, type]) => resultColumn(column, type, true))
  const rows = view
    .rows(database, relations, access)
    .map((row) => row.map((cell, index) => cellText(cell, view.columns[index]?.[1])))
  return rowsRelation(columns, rows, [database.name, 'INFORMATION_SCHEMA', parts.at(-1) ?? ''])
}
