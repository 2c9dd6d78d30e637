/** An external table as a relation: per group of files alike one read, every column compiled for what those files hold. Pure. */

import { castTo } from '../bind/cast.ts'
import { bindRaw } from '../bind/expression.ts'
import { type BindContext, emptyScope, type RelationSource } from '../bind/scope.ts'
import { type Bound, bound, quoted } from '../bind/value.ts'
import type { ExternalTable } from '../catalogue/objects.ts'
import { qualifiedName } from '../catalogue/objects.ts'
import { duckType, number, type SqlType, text, VARIANT } from '../types.ts'
import type { FileField, FileNode } from './file-node.ts'
import { nodeJson } from './file-node.ts'
import { ROWS_SUFFIX } from './orc-file.ts'

/** Files of one shape, at one set of user-specified partition values. */
export type FileGroup = {
  /** SQL of a relation `f` with the file's columns, `__file` and `__row`. */
  readonly source: string
  readonly row: FileNode
  /** SQL of the key of a row's file. */
  readonly key: string
  readonly partition: ReadonlyMap<string, string> | null
}

/** `read_parquet` of local copies whose paths end in their keys. */
export function parquetGroup(
  paths: readonly string[],
  fields: readonly FileField[],
  keyStart: number,
  partition: FileGroup['partition'],
): FileGroup {
  return {
    source: readParquet(paths),
    row: { kind: 'object', fields },
    key: keySql(paths, `substr(f.__file, ${keyStart + 1})`, keyStart),
    partition,
  }
}

/** The same of rows that were ORC. */
export function orcGroup(paths: readonly string[], keyStart: number, partition: FileGroup['partition']): FileGroup {
  const key = `substr(f.__file, ${keyStart + 1}, length(f.__file) - ${keyStart + ROWS_SUFFIX})`
  return { source: readParquet(paths), row: { kind: 'json' }, key: keySql(paths, key, keyStart), partition }
}

const readParquet = (paths: readonly string[]): string =>
  `read_parquet([${paths.map(quoted).join(', ')}], filename = '__file', file_row_number = true, hive_partitioning = false, union_by_name = false) f`

/** Paths hold keys with escapes where a character needs one. */
const keySql = (paths: readonly string[], sql: string, keyStart: number): string =>
  paths.every((path) => !path.slice(keyStart).includes('%')) ? sql : `url_decode(${sql})`

export const PSEUDO_COLUMNS = ['METADATA$FILENAME', 'METADATA$FILE_ROW_NUMBER'] as const

/** VALUE, the table's columns, and the pseudo columns, which `*` does not show. */
export function externalRelation(table: ExternalTable, groups: readonly FileGroup[], context: BindContext): RelationSource {
  const types: readonly SqlType[] = [VARIANT, ...table.columns.map(({ type }) => type), text(), number(38)]
  const arms = groups.map((group) => arm(table, group, context))
  const nothing = `SELECT ${types.map((type, index) => `CAST(NULL AS ${duckType(type)}) AS c${index}`).join(', ')} WHERE false`
  const names = ['VALUE', ...table.columns.map(({ name }) => name), ...PSEUDO_COLUMNS]
  return {
    sql: `(${arms.length === 0 ? nothing : arms.join(' UNION ALL ')})`,
    path: qualifiedName(table).split('.'),
    columns: names.map((name, index) => ({
      name,
      value: bound(`c${index}`, types[index] ?? VARIANT, table.columns[index - 1]?.nullable ?? true),
      hidden: index > table.columns.length,
      column: `c${index}`,
    })),
  }
}

function arm(table: ExternalTable, { source, row, key, partition }: FileGroup, context: BindContext): string {
  const whole: Bound =
    row.kind === 'object' ? { ...bound('true', VARIANT, false), node: row } : { ...bound('f.v', VARIANT), node: row }
  const pairs = partition === null ? null : JSON.stringify(Object.fromEntries(partition))
  const scope = {
    ...emptyScope(context),
    relations: [
      {
        alias: null,
        path: [],
        columns: [
          { name: 'VALUE', value: whole, hidden: false },
          { name: 'METADATA$FILENAME', value: bound(key, text(), false), hidden: false },
          {
            name: 'METADATA$FILE_ROW_NUMBER',
            value: bound('CAST(f.file_row_number + 1 AS DECIMAL(38,0))', number(38), false),
            hidden: false,
          },
          {
            name: 'METADATA$EXTERNAL_TABLE_PARTITION',
            value: bound(pairs === null ? 'CAST(NULL AS VARCHAR)' : quoted(pairs), text()),
            hidden: false,
          },
        ],
      },
    ],
  }
  const json = row.kind === 'object' ? nodeJson(row, 'true') : 'f.v'
  const columns = [
    json,
    ...table.columns.map(({ expression, type }) => {
      const made = castTo(bindRaw(expression, scope), type, { at: expression.at, formats: context.formats })
      return `CAST(${made.sql} AS ${duckType(type)})`
    }),
    key,
    'CAST(f.file_row_number + 1 AS DECIMAL(38,0))',
  ]
  return `SELECT ${columns.map((sql, index) => `${sql} AS c${index}`).join(', ')} FROM ${source}`
}
