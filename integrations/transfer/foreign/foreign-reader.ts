/** The rows of another system's table, from its files. I/O through stores. */
import { Field, makeData, RecordBatch, Schema, Struct } from 'apache-arrow'
import type { Value } from '../../../connectors/column-values.ts'
import { ConnectorError } from '../../../connectors/errors.ts'
import { arrowType, typeName } from '../../../connectors/logical-type.ts'
import type { ForeignColumn } from '../../../connectors/manifest.ts'
import type { TableBatch, TableReader, TransferColumn } from '../../../connectors/tables.ts'
import { nullData } from '../../land/projection.ts'
import { hashOfParts } from '../content-hash.ts'
import { carriedType, constantData, dataMaker, type MakeData, partitionValue } from './column-data.ts'
import type { FoundFile, FoundPlace, FoundTable } from './manifest.ts'
import { requireSameFiles } from './manifest.ts'
import { typeProblem } from './match.ts'
import { requireUnchanged, withFile } from './stored-file.ts'

/**
 * Columns of the table, then its partition columns; `columns` null: all. Every type is looked at before the first row: throws `SCHEMA`
 * naming each column that is not carried. Reading throws `BAD_VALUE`, `FORMAT`, and `CORRUPT` when the table was written to meanwhile.
 */
export function openForeignReader(found: FoundTable, columns: readonly string[] | null): TableReader {
  const { table, places } = found
  const wanted = wantedColumns(found, columns)
  const sources = places.flatMap((place) => place.files.map((file) => sourceOf(place, file, wanted, table)))
  const rows = sources.reduce((sum, { file }) => sum + file.opened.rows, 0)
  const shown = wanted.map(({ column }) => transferColumn(column))
  const total = sources.reduce((sum, { file }) => sum + file.entry.size, 0)
  let done = 0
  return {
    subject: table.subject,
    columns: shown,
    estimatedRows: rows,
    fingerprint: fingerprintOf(found, shown),
    progress: () => ({ done, total }),
    rows: async function* (signal) {
      for (const source of sources) {
        yield* fileRows(source, shown, table.owner, signal)
        done += source.file.entry.size
      }
      await requireSameFiles(found, signal)
    },
    [Symbol.asyncDispose]: async () => undefined,
  }
}

/** `partition`: its place among the partition columns; null for a column of the files. */
type Wanted = { readonly column: ForeignColumn; readonly partition: number | null }

function wantedColumns({ table, places }: FoundTable, columns: readonly string[] | null): readonly Wanted[] {
  const all = [
    ...table.columns.map((column): Wanted => ({ column, partition: null })),
    ...table.partitionColumns.map((column, partition): Wanted => ({ column, partition })),
  ]
  const wanted = (columns ?? all.map(({ column }) => column.name)).map((name) => {
    const known =
      all.find(({ column }) => column.name === name) ?? all.find(({ column }) => column.name.toLowerCase() === name.toLowerCase())
    if (known !== undefined) return known
    const names = all.map(({ column }) => column.name).join(', ')
    throw new ConnectorError('SCHEMA', `${table.subject} has no column "${name}"; it has ${names}`)
  })
  const problems = wanted.flatMap(({ column, partition }) => {
    if (partition !== null) return partitionProblem(column, partition, places)
    return column.shape === null ? [`column "${column.name}" is ${column.sourceType}, a type that is not carried`] : []
  })
  if (problems.length > 0) throw unfit(table.subject, problems)
  return wanted
}

function partitionProblem(column: ForeignColumn, index: number, places: readonly FoundPlace[]): readonly string[] {
  const wrong = places.filter(({ place }) => partitionValue(place.values[index] ?? null, column) === undefined)
  return wrong.length === 0
    ? []
    : [`partition column "${column.name}" is ${column.sourceType}, and ${wrong.length} of its values are none`]
}

function unfit(subject: string, problems: readonly string[]): ConnectorError {
  const cure = 'Leave such columns out with --columns, or read them through the server with a query that casts them'
  return new ConnectorError('SCHEMA', `${subject}: ${problems.join('; ')}. ${cure}`)
}

type Source = {
  readonly file: FoundFile
  /** Places in the file of the columns that it has. */
  readonly places: readonly number[]
  readonly make: readonly Make[]
}

type Make =
  | { readonly kind: 'cells'; readonly cells: number; readonly data: MakeData }
  | { readonly kind: 'constant'; readonly value: Value }

function sourceOf(
  { place }: FoundPlace,
  file: FoundFile,
  wanted: readonly Wanted[],
  { subject, owner }: FoundTable['table'],
): Source {
  const places: number[] = []
  const problems: string[] = []
  const make = wanted.map(({ column, partition }): Make => {
    if (partition !== null) return { kind: 'constant', value: partitionValue(place.values[partition] ?? null, column) ?? null }
    const at = file.matching.columns.find((each) => each.column === column)?.place ?? null
    const stored = at === null ? undefined : file.opened.columns[at]
    if (at === null || stored === undefined) return { kind: 'constant', value: null }
    const problem = typeProblem(column, stored, owner)
    if (problem !== null || stored.shape === null) {
      problems.push(problem ?? column.name)
      return { kind: 'constant', value: null }
    }
    places.push(at)
    return { kind: 'cells', cells: places.length - 1, data: dataMaker(column, stored.shape, owner) }
  })
  if (problems.length > 0) throw unfit(`${subject}, file "${file.entry.address}"`, problems)
  return { file, places, make }
}

function transferColumn(column: ForeignColumn): TransferColumn {
  const { name, sourceType, comment } = column
  return { name, type: carriedType(column), sourceType, nullable: true, ...(comment === undefined ? {} : { comment }) }
}

async function* fileRows(
  { file, places, make }: Source,
  columns: readonly TransferColumn[],
  owner: FoundTable['table']['owner'],
  signal: AbortSignal,
): AsyncGenerator<TableBatch> {
  const schema = new Schema(columns.map(({ name, type }) => new Field(name, arrowType(type), true)))
  const struct = new Struct(schema.fields)
  let rows = 0
  try {
    await requireUnchanged(file.stored, signal)
    for await (const some of file.opened.read(places, { owner, signal })) {
      const children = make.map((each, index) => {
        const { name, type } = columns[index] as TransferColumn
        if (each.kind === 'constant') {
          return each.value === null ? nullData(arrowType(type), some.rows) : constantData(type, each.value, some.rows)
        }
        const cells = some.columns[each.cells]
        const data = cells === undefined ? null : each.data(cells, some.rows)
        if (data !== null) return data
        throw new ConnectorError('BAD_VALUE', `column "${name}" has a value that does not fit ${typeName(type)}`)
      })
      rows += some.rows
      const data = makeData({ type: struct, length: some.rows, nullCount: 0, children })
      yield { batch: new RecordBatch(schema, data), release: () => undefined }
    }
    await requireUnchanged(file.stored, signal)
  } catch (error) {
    throw withFile(file.stored, error)
  }
  if (rows !== file.opened.rows) {
    throw new ConnectorError('FORMAT', `File "${file.entry.address}" has ${rows} rows, its footer says ${file.opened.rows}`)
  }
}

/** Of the files, by their names, sizes, times and footers, and of everything that decides how they are read. */
function fingerprintOf({ table, places }: FoundTable, columns: readonly TransferColumn[]): string {
  const files = places.map(({ place, files: found }) => [
    place.values,
    place.columns?.map(({ name, sourceType }) => [name, sourceType]) ?? null,
    found.map(({ entry, opened }) => [
      entry.address,
      entry.size,
      entry.modified.toISOString(),
      opened.footerHash,
      entry.matchedBy,
    ]),
  ])
  const shown = columns.map(({ name, type, sourceType }) => [name, typeName(type), sourceType])
  return hashOfParts([table.owner, table.format, shown, table.columns.map(({ name }) => name), files])
}
