/** Tables whose rows are more than the rows of their files, or whose files nobody here reads: told by their description. Pure. */
import { ConnectorError } from '../../errors.ts'
import type { Description } from './describe.ts'

const WAY =
  'Read its rows through the server with a query: portage transfer "<connection>:select … from …"; or have the server copy them into ' +
  'an external table of ORC or Parquet files (insert overwrite table … select …) and read that one'

/** Null: its files are its rows. The error is `UNSUPPORTED`, names what was recognised by what, and the way out. */
export function refusalOf(description: Description, subject: string): ConnectorError | null {
  const found = kindOf(description)
  if (found === null) return null
  return new ConnectorError('UNSUPPORTED', `${subject} ${found.is} (${found.by}): its files alone are not its rows. ${WAY}`)
}

type Found = { readonly is: string; readonly by: string }

function kindOf(description: Description): Found | null {
  const { tableType, provider, inputFormat, serde, storageHandler, parameters } = description
  const parameter = (name: string): string => parameters.get(name) ?? parameters.get(name.toUpperCase()) ?? ''
  const kind = (tableType ?? '').toUpperCase()
  if (/VIEW/.test(kind)) {
    return { is: kind.includes('MATERIALIZED') ? 'is a materialized view' : 'is a view', by: `table type ${tableType}` }
  }
  if (parameter('transactional').toLowerCase() === 'true') return transactional(parameter('transactional_properties'))
  const sources = parameter('spark.sql.sources.provider').toLowerCase()
  const hints = [
    ['storage handler', storageHandler ?? ''],
    ['provider', provider ?? ''],
    ['spark.sql.sources.provider', sources],
    ['input format', inputFormat ?? ''],
    ['serde', serde ?? ''],
    ['table_type', parameter('table_type')],
    ['property metadata_location', parameter('metadata_location') === '' ? '' : 'iceberg'],
    ['property delta.minReaderVersion', parameter('delta.minReaderVersion') === '' ? '' : 'delta'],
    ['properties hoodie.…', [...parameters.keys()].some((name) => name.startsWith('hoodie.')) ? 'hudi' : ''],
  ] as const
  for (const [system, pattern] of SYSTEMS) {
    const hint = hints.find(([, text]) => pattern.test(text))
    if (hint !== undefined)
      return { is: `is a table of ${system}`, by: hint[0].startsWith('propert') ? hint[0] : `${hint[0]} ${hint[1]}` }
  }
  if (storageHandler !== null) return { is: 'belongs to another system', by: `storage handler ${storageHandler}` }
  return null
}

const SYSTEMS = [
  ['Apache Iceberg', /iceberg/i],
  ['Delta Lake', /\bdelta\b|delta\.|deltainputformat|deltastoragehandler/i],
  ['Apache Hudi', /hudi|hoodie/i],
  ['Apache Paimon', /paimon/i],
] as const

function transactional(properties: string): Found {
  const insertOnly = properties.toLowerCase().includes('insert_only')
  return {
    is: insertOnly ? 'is an insert-only transactional (ACID) table' : 'is a full-ACID table',
    by: `transactional=true, transactional_properties=${properties === '' ? 'default' : properties}`,
  }
}

export type FileFormat = 'orc' | 'parquet'

/** Input format and serde: one alone would have rows read in another way than the files were written. */
const FORMATS: readonly (readonly [FileFormat, RegExp, RegExp])[] = [
  ['orc', /^org\.apache\.hadoop\.hive\.ql\.io\.orc\.OrcInputFormat$/, /\.OrcSerde$/],
  [
    'parquet',
    /^(?:org\.apache\.hadoop\.hive\.ql\.io\.parquet\.MapredParquetInputFormat|parquet\.hive\.\w+InputFormat)$/,
    /\.ParquetHiveSerDe$/,
  ],
]

/** The format of its files. Throws `UNSUPPORTED` for every other than ORC and Parquet, with the way out. */
export function formatOf(
  { provider, inputFormat, serde }: Pick<Description, 'provider' | 'inputFormat' | 'serde'>,
  subject: string,
): FileFormat {
  const byProvider = FORMATS.find(([format]) => format === provider)?.[0]
  if (byProvider !== undefined) return byProvider
  const other = provider !== null && provider !== 'hive'
  const found = other
    ? undefined
    : FORMATS.find(([, input, rows]) => input.test(inputFormat ?? '') && rows.test(serde ?? ''))?.[0]
  if (found !== undefined) return found
  const named = other ? `provider ${provider}` : `input format ${inputFormat ?? 'unknown'}, serde ${serde ?? 'unknown'}`
  throw new ConnectorError(
    'UNSUPPORTED',
    `${subject} keeps its rows in files that are neither ORC nor Parquet (${named}). ${WAY}`,
  )
}
