/** File formats out of clauses and options. */
import type { FormatOptions } from '../catalogue/objects.ts'
import { invalidParameter } from '../errors.ts'
import { lex } from '../lex.ts'
import { Cursor } from '../parse/cursor.ts'
import { type OptionMap, optionFlag, optionName, optionText, optionTexts } from '../parse/options.ts'
import type { Run } from '../run.ts'

/** BINARY_AS_TEXT is TRUE and NULL_IF is `\N` unless it is said otherwise. */
export function formatOptions(options: OptionMap): FormatOptions {
  const type = optionText(options, 'TYPE') ?? 'CSV'
  if (type !== 'PARQUET' && type !== 'ORC' && type !== 'CSV' && type !== 'JSON')
    throw invalidParameter(`invalid value [${type}] for parameter 'TYPE'`)
  const parquet = ['BINARY_AS_TEXT', 'USE_LOGICAL_TYPE', 'USE_VECTORIZED_SCANNER', 'SNAPPY_COMPRESSION']
  const foreign = type === 'PARQUET' ? [] : parquet.filter((name) => options.has(name))
  if (foreign.length > 0) throw invalidParameter(`invalid parameter '${foreign[0]}' for file format type ${type}`)
  return {
    type,
    binaryAsText: optionFlag(options, 'BINARY_AS_TEXT') ?? true,
    useLogicalType: optionFlag(options, 'USE_LOGICAL_TYPE') ?? false,
    trimSpace: optionFlag(options, 'TRIM_SPACE') ?? false,
    nullIf: optionTexts(options, 'NULL_IF') ?? ['\\N'],
    compression: optionText(options, 'COMPRESSION') ?? (optionFlag(options, 'SNAPPY_COMPRESSION') === false ? 'NONE' : 'AUTO'),
  }
}

/** `FILE_FORMAT = (FORMAT_NAME = … | TYPE = …)`; a named one needs USAGE. */
export function formatClause(
  run: Run,
  clause: OptionMap | null,
): { readonly format: FormatOptions; readonly name: string | null } {
  if (clause === null) return { format: formatOptions(new Map()), name: null }
  const written = clause.get('FORMAT_NAME')
  if (written === undefined) return { format: formatOptions(clause), name: null }
  if (clause.size > 1) throw invalidParameter('FORMAT_NAME and format type options are mutually exclusive')
  const name = typeof written === 'string' ? namedIn(written) : optionName(clause, 'FORMAT_NAME')
  if (name === null) throw invalidParameter("invalid value for parameter 'FORMAT_NAME'")
  const found = run.names.format(name)
  run.access.demand(found, 'USAGE')
  return { format: found.format, name: [found.schema.database.name, found.schema.name, found.name].join('.') }
}

/** An object's name inside a string: `'db.schema."Name"'`. */
export function namedIn(text: string) {
  const cursor = new Cursor(text, lex(text))
  const name = cursor.objectName()
  cursor.finish()
  return name
}
