/** What `DESCRIBE FORMATTED` of Hive and of Spark says, as data. Pure. */
import { ConnectorError } from '../../errors.ts'

export type DescribedColumn = { readonly name: string; readonly type: string; readonly comment: string | null }

/** A table or one of its partitions; texts as the server spells them, null where it says nothing. */
export type Description = {
  /** Without the partition columns. */
  readonly columns: readonly DescribedColumn[]
  readonly partitionColumns: readonly DescribedColumn[]
  /** Of the partition when one was described. */
  readonly location: string | null
  /** Hive: `EXTERNAL_TABLE`, `MANAGED_TABLE`, `VIRTUAL_VIEW`, `MATERIALIZED_VIEW`; Spark: `EXTERNAL`, `MANAGED`, `VIEW`. */
  readonly tableType: string | null
  /** Spark only: `hive`, `orc`, `parquet`, `delta`, … */
  readonly provider: string | null
  readonly inputFormat: string | null
  readonly serde: string | null
  readonly storageHandler: string | null
  readonly comment: string | null
  /** Table parameters, of a partition its own. */
  readonly parameters: ReadonlyMap<string, string>
}

type Cells = readonly [string, string | null, string | null]

const PARTITION_COLUMNS = '# Partition Information'
const COLUMN_HEADS = '# col_name'
const DETAILS = /^# Detailed (Table|Partition) Information$/

/**
 * `rows` in the order of the server, three cells each. Throws `INTERNAL` when they are no such answer: a newer server may
 * word it differently, and a guess would read the wrong files.
 */
export function readDescription(rows: readonly (readonly unknown[])[], subject: string): Description {
  const cells = rows.map((row): Cells => [textOf(row[0]) ?? '', textOf(row[1]), textOf(row[2])])
  // Of a partition Spark repeats the table's storage behind the partition's own.
  const details = cells.findIndex(([name]) => DETAILS.test(name))
  const head = cells.slice(0, details < 0 ? cells.length : details)
  const tail = details < 0 ? [] : cells.slice(details)
  const listed = columnsBefore(head, (name) => name === '' || name.startsWith(PARTITION_COLUMNS))
  const partitioned = head.findIndex(([name]) => name === PARTITION_COLUMNS)
  const partitionColumns =
    partitioned < 0
      ? []
      : columnsBefore(
          head.slice(partitioned + 1).filter(([name]) => name !== COLUMN_HEADS),
          (name) => name === '',
        )
  // Spark lists partition columns among the columns, too.
  const columns = withoutTail(listed, partitionColumns)
  if (columns.length === 0 || tail.length === 0) {
    throw new ConnectorError('INTERNAL', `${subject}: the server's answer to DESCRIBE FORMATTED cannot be understood`)
  }
  const facts = factsOf(tail)
  const one = (name: string): string | null => facts.single.get(name) ?? null
  return {
    columns,
    partitionColumns,
    location: one('location'),
    tableType: one('table type') ?? one('type'),
    provider: one('provider')?.toLowerCase() ?? null,
    inputFormat: one('inputformat'),
    serde: one('serde library'),
    storageHandler: facts.parameters.get('storage_handler') ?? null,
    comment: one('comment') ?? facts.parameters.get('comment') ?? null,
    parameters: facts.parameters,
  }
}

function textOf(value: unknown): string | null {
  return value === null || value === undefined ? null : String(value)
}

function columnsBefore(cells: readonly Cells[], ends: (name: string) => boolean): readonly DescribedColumn[] {
  const end = cells.findIndex(([name]) => ends(name))
  return cells
    .slice(0, end < 0 ? cells.length : end)
    .filter(([name]) => name !== COLUMN_HEADS)
    .map(([name, type, comment]) => ({
      name: name.trim(),
      type: (type ?? '').trim(),
      comment: comment === null || comment === '' ? null : comment,
    }))
}

function withoutTail(columns: readonly DescribedColumn[], tail: readonly DescribedColumn[]): readonly DescribedColumn[] {
  const start = columns.length - tail.length
  if (tail.length === 0 || start < 0) return columns
  return tail.every(({ name }, index) => columns[start + index]?.name === name) ? columns.slice(0, start) : columns
}

type Facts = { readonly single: ReadonlyMap<string, string>; readonly parameters: ReadonlyMap<string, string> }

/** Sections of Hive whose lines are `['', key, value]`. */
const PARAMETERS = /^(?:table|partition) parameters$/
const OWN_SECTIONS = /^(?:table parameters|partition parameters|storage desc params)$/

function factsOf(cells: readonly Cells[]): Facts {
  const single = new Map<string, string>()
  const parameters = new Map<string, string>()
  let section = ''
  for (const [name, value, third] of cells) {
    const key = name.replace(/:?\s*$/, '').toLowerCase()
    if (key === '' && value !== null && OWN_SECTIONS.test(section)) {
      if (PARAMETERS.test(section)) parameters.set(unpadded(value), unescaped(unpadded(third ?? '')))
      continue
    }
    if (name === '' || name.startsWith('#')) {
      section = name === '' ? '' : section
      continue
    }
    section = key
    if (value === null || value === '') continue
    // The first one counts: of a partition it is the partition's.
    if (!single.has(key)) single.set(key, unpadded(value))
    // Spark: [key=value, key=value]
    if (key === 'table properties' || key === 'partition parameters') {
      for (const [each, text] of sparkProperties(value)) parameters.set(each, text)
    }
  }
  return { single, parameters }
}

/** Hive fills cells up to this width; a longer one is as it is, with blanks of its own. */
const CELL_WIDTH = 20

function unpadded(text: string): string {
  return text.length <= CELL_WIDTH ? text.trimEnd() : text
}

/** Hive shows control characters of comments and parameters as escapes. */
function unescaped(text: string): string {
  return text.replace(/\\([nrt])/g, (_, letter: string) => ({ n: '\n', r: '\r', t: '\t' })[letter] ?? letter)
}

/** `[a=1, b=2]`: values may hold commas, so that a key begins only behind `, ` and before `=`. */
function sparkProperties(text: string): readonly (readonly [string, string])[] {
  const inner = /^\[(.*)\]$/s.exec(text.trim())?.[1] ?? ''
  if (inner === '') return []
  return inner.split(/, (?=[^=,\s][^=,]*=)/).map((each) => {
    const at = each.indexOf('=')
    return at < 0 ? [each, ''] : [each.slice(0, at), each.slice(at + 1)]
  })
}
