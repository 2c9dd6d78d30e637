/** The statements of an unload. Pure. */
import { text } from '../names.ts'
import { quoted, type UnloadPlan } from './unload-plan.ts'

/** What rows are wanted: a relation by its quoted name, or a statement of the user's. */
export type UnloadRows = {
  readonly from: { readonly relation: string } | { readonly sql: string }
  /** Null: all. */
  readonly columns: readonly string[] | null
  /** A condition of the user's. */
  readonly where: string | null
}

/** What the user wrote stands on lines of its own, so that a comment at its end swallows nothing. */
export function rowsSql({ from, columns, where }: UnloadRows): string {
  const relation = 'relation' in from ? from.relation : `(\n${from.sql.replace(/;\s*$/, '')}\n) portage_query`
  const list = columns === null ? '*' : columns.map(quoted).join(', ')
  return `SELECT ${list} FROM ${relation}${where === null ? '' : `\nWHERE (\n${where}\n)`}`
}

/** Answers the columns, without a row. */
export const describeSql = (rows: UnloadRows): string => `SELECT * FROM (\n${rowsSql(rows)}\n) portage_rows LIMIT 0`

/** The rows as the files hold them. */
export function unloadSelect(plan: UnloadPlan, rows: UnloadRows): string {
  const list = [
    ...plan.columns.map(({ expression, alias }) => `${expression} AS ${quoted(alias)}`),
    ...(plan.marker === null ? [] : [`${plan.marker.expression} AS ${quoted(plan.marker.alias)}`]),
  ]
  return `SELECT\n  ${list.join(',\n  ')}\nFROM (\n${rowsSql(rows)}\n) portage_rows`
}

export type UnloadTarget = {
  /** The stage by its quoted name, with the path below it: `"DB"."RAW"."STAGE"/unload/x/`. Nothing lies there yet. */
  readonly location: string
  readonly maxFileBytes: number
  /** A text expression: each of its values is a directory of its own, NULL is `_NULL_`. */
  readonly partitionBy?: string
}

/** Files of earlier attempts have other names (the query's id), so that a repeat overwrites nothing and is told apart. */
export function copySql(select: string, { location, maxFileBytes, partitionBy }: UnloadTarget): string {
  return [
    // As a text, so that a path may hold whatever keys hold.
    `COPY INTO ${text(`@${location}`)}`,
    `FROM (\n${select}\n)`,
    ...(partitionBy === undefined ? [] : [`PARTITION BY (${partitionBy})`]),
    'FILE_FORMAT = (TYPE = PARQUET COMPRESSION = SNAPPY)',
    `MAX_FILE_SIZE = ${maxFileBytes}`,
    'HEADER = TRUE',
    'INCLUDE_QUERY_ID = TRUE',
    'DETAILED_OUTPUT = TRUE',
  ].join('\n')
}
