/**
 * Proof that external tables show what the commit says. Snowflake skips what it cannot read without a word: a query succeeds and
 * rows are missing, or a column is all NULL.
 */
import { METADATA_COLUMNS } from '../change.ts'
import { ConnectorError } from '../errors.ts'
import type { RegisteredFile } from '../ports.ts'
import { rowsByName } from './answer.ts'
import type { SnowflakeAnswer, SnowflakeClient } from './client.ts'
import { batches, columnName, DATE_COLUMN, type PartFiles, type StoredColumn } from './external-table.ts'
import { quoted, text } from './names.ts'
import type { PartPlan } from './registration-plan.ts'

const FILES_PER_QUERY = 1_000
const NAMED_FILES = 5
/** What `ADD FILES` says of a file that is registered now. */
const REGISTERED = /^(REGISTERED|REGISTER_SKIPPED|REFRESHED|UNCHANGED)/
/** What `REMOVE FILES` says of a file that is not registered any more, or that somebody else took out before. */
const UNREGISTERED = /^(UNREGISTERED|UNREGISTER_SKIPPED|REMOVED|DEREGISTERED)/
const NOT_THERE = /not registered/i

/** Commits count the NULLs of source columns; of the lake's own columns the format says which have a value in every row. */
const ALWAYS_THERE = new Set<string>(['_op', '_position'] satisfies (typeof METADATA_COLUMNS)[number][])
const SOMETIMES_NULL = new Set<string>(METADATA_COLUMNS.filter((name) => !ALWAYS_THERE.has(name)))

export type Wrong = { readonly key: string; readonly problem: string }

/** Rows and values per file, of these files alone. `dated`: the partition keeps Snowflake from opening others. Pure. */
export function proofStatement(
  plan: Pick<PartPlan, 'table' | 'columns' | 'aliases' | 'dated'>,
  paths: readonly string[],
): string {
  const counts = plan.columns.map((column, index) => `COUNT(${quoted(columnName(column.physical, plan.aliases))}) AS "C${index}"`)
  const days = plan.dated ? [...new Set(paths.flatMap((path) => /\/changes\/date=([0-9-]{10})/.exec(path)?.[1] ?? []))] : []
  return [
    `SELECT METADATA$FILENAME AS "FILE", COUNT(*) AS "ROWS", ${counts.join(', ')}`,
    `FROM ${plan.table}`,
    `WHERE METADATA$FILENAME IN (${paths.map(text).join(', ')})`,
    ...(days.length === 0 ? [] : [`AND ${quoted(DATE_COLUMN)} IN (${days.map((day) => `${text(day)}::DATE`).join(', ')})`]),
    'GROUP BY METADATA$FILENAME',
  ].join('\n')
}

/** What differs. `physical` are the columns counted, in order. Pure. */
export function differences(
  files: PartFiles,
  paths: readonly string[],
  columns: readonly StoredColumn[],
  answer: SnowflakeAnswer,
): readonly Wrong[] {
  const found = new Map(answer.rows.map(([path, ...counts]) => [path, counts.map(Number)]))
  return paths.flatMap((path) => {
    const file = files.get(path)
    if (file === undefined) return []
    const [rows = 0, ...values] = found.get(path) ?? []
    if (rows !== file.rows) return [{ key: file.key, problem: `shows ${rows} rows, the commit says ${file.rows}` }]
    return nullDifferences(file, columns, rows, values)
  })
}

function nullDifferences(
  file: RegisteredFile,
  columns: readonly StoredColumn[],
  rows: number,
  values: readonly number[],
): readonly Wrong[] {
  const known = file.columns
  if (known === undefined || rows === 0) return []
  return columns.flatMap(({ physical }, index) => {
    if (SOMETIMES_NULL.has(physical)) return []
    // A file of an older schema version lacks the column: all of it is NULL.
    const expected = known[physical]?.nulls ?? (ALWAYS_THERE.has(physical) ? 0 : rows)
    const nulls = rows - (values[index] ?? 0)
    return nulls === expected
      ? []
      : [{ key: file.key, problem: `shows ${nulls} NULLs in column "${physical}", the commit says ${expected}` }]
  })
}

/** Reads new files once, as the relations will. I/O; wakes the virtual warehouse. */
export async function proveFiles(
  client: SnowflakeClient,
  plan: PartPlan,
  // In a transaction it is not: another session does not see what this one added.
  { signal, repeatable }: { readonly signal: AbortSignal; readonly repeatable: boolean },
): Promise<readonly Wrong[]> {
  const wrong: Wrong[] = []
  for (const paths of batches([...plan.proven.keys()], FILES_PER_QUERY)) {
    const answer = await client.run(proofStatement(plan, paths), { signal, repeatable })
    wrong.push(...differences(plan.proven, paths, plan.columns, answer))
  }
  return wrong
}

/** Files of which `ADD FILES` or `REMOVE FILES` does not say that it did what it was asked. Pure. */
export function unsettled(action: 'ADD' | 'REMOVE', answer: SnowflakeAnswer, keyOf: (file: string) => string): readonly Wrong[] {
  const done = action === 'ADD' ? REGISTERED : UNREGISTERED
  return rowsByName(answer).flatMap(({ file, status, description }) =>
    file && !done.test((status ?? '').toUpperCase()) && !(action === 'REMOVE' && NOT_THERE.test(description ?? ''))
      ? [
          {
            key: keyOf(file),
            problem: `was ${action === 'ADD' ? 'not registered' : 'not removed'}: ${status ?? ''} ${description ?? ''}`.trim(),
          },
        ]
      : [],
  )
}

export function proofError(table: string, integration: string, wrong: readonly Wrong[], cause?: unknown): ConnectorError {
  const named = wrong.slice(0, NAMED_FILES).map(({ key, problem }) => `"${key}" ${problem}`)
  const more = wrong.length > NAMED_FILES ? `; and ${wrong.length - NAMED_FILES} more` : ''
  return new ConnectorError(
    'PROOF',
    `Files of "${table}" in Snowflake differ from the commit: ${named.join('; ')}${more}. They are not shown. Compare them with the lake ("portage reconcile ${integration} --deep"), then run "portage register ${integration} --repair"; when the lake is damaged, "portage resync ${integration} ${table}"`,
    cause === undefined ? {} : { cause },
  )
}
