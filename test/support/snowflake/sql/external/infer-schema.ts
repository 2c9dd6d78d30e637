/** TABLE(INFER_SCHEMA(LOCATION => '@stage/path', FILE_FORMAT => 'name')): columns that the files below have. I/O before binding. */
import type { Expression } from '../ast.ts'
import type { RelationSource } from '../bind/scope.ts'
import { invalidParameter } from '../errors.ts'
import { rowsRelation } from '../kept-results.ts'
import { lex } from '../lex.ts'
import { Cursor } from '../parse/cursor.ts'
import { stagePath } from '../parse/stage-path.ts'
import type { Run } from '../run.ts'
import { keyPrefix } from '../stage/buckets.ts'
import { formatClause } from '../statements/formats.ts'
import { BOOLEAN, number, resultColumn, text, typeText, VARIANT } from '../types.ts'
import { nodeType } from './file-node.ts'

export type InferredSchemas = Map<string, RelationSource>

const keyOf = (location: string, format: string): string => `${location}\n${format}`

export const inferred = (named: ReadonlyMap<string, string>, known: InferredSchemas): RelationSource | null =>
  known.get(keyOf(named.get('LOCATION') ?? '', named.get('FILE_FORMAT') ?? '')) ?? null

export async function prepareInference(run: Run, node: { readonly call?: unknown }, into: InferredSchemas): Promise<void> {
  const call = node.call as { readonly name?: string; readonly named?: ReadonlyMap<string, Expression> } | undefined
  if (call?.name !== 'INFER_SCHEMA') return
  const constant = (name: string): string => {
    const value = call.named?.get(name)
    if (value?.kind !== 'string') throw invalidParameter(`INFER_SCHEMA needs ${name} as a string`)
    return value.text
  }
  const [location, formatName] = [constant('LOCATION'), constant('FILE_FORMAT')]
  const quotedLocation = `'${location.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`
  const path = stagePath(new Cursor(quotedLocation, lex(quotedLocation)))
  const stage = run.names.stage(path.name)
  run.access.demand(stage, 'USAGE')
  const { format } = formatClause(run, new Map([['FORMAT_NAME', formatName]]))
  const bucket = await run.engine.buckets.open(stage.options)
  const objects = (await bucket.list(keyPrefix(stage, path.path), run.signal)).filter(({ size }) => size > 0)
  const groups = await run.engine.files.prepareStage(stage, objects, format, run.connection, run.signal)
  const fields = new Map<string, string>()
  for (const { row } of groups) {
    if (row.kind !== 'object') throw invalidParameter('INFER_SCHEMA reads Parquet files only here')
    for (const field of row.fields) if (!fields.has(field.name)) fields.set(field.name, typeText(nodeType(field.node) ?? VARIANT))
  }
  const names = objects.map(({ key }) => key).join(', ')
  const columns = [
    resultColumn('COLUMN_NAME', text(), true),
    resultColumn('TYPE', text(), true),
    resultColumn('NULLABLE', BOOLEAN, true),
    resultColumn('EXPRESSION', text(), true),
    resultColumn('FILENAMES', text(), true),
    resultColumn('ORDER_ID', number(38), true),
  ]
  const rows = [...fields].map(([name, type], index) => [name, type, '1', `$1:${name}::${type}`, names, String(index)])
  into.set(keyOf(location, formatName), rowsRelation(columns, rows))
}
