/** Parquet files from record batches: row groups are encoded as batches arrive and written when they are full. */
import type { RecordBatch, Schema } from 'apache-arrow'
import { ConnectorError } from '../../../connectors/errors.ts'
import { logicalTypeOf } from '../../types/arrow-types.ts'
import type { FileSummary, FileWriter, FileWriterOptions } from '../file-writer.ts'
import { OffsetSink } from '../offset-sink.ts'
import { WriterSteps } from '../writer-steps.ts'
import { ARROW_SCHEMA_KEY, arrowSchemaText } from './arrow-schema.ts'
import { type Bounds, mergeBounds } from './bounds.ts'
import { type ColumnView, columnView } from './column-view.ts'
import { ColumnWriter } from './column-writer.ts'
import { compressorOf } from './compression.ts'
import { type ColumnChunk, fileMetaData, type RowGroup } from './file-metadata.ts'
import { Encoding, MAGIC, Type } from './format.ts'
import { columnIndex, offsetIndex } from './page-index.ts'
import { type PageLimits, pageScratch } from './page-scratch.ts'
import { physicalCodec } from './physical-codec.ts'
import { PROFILES, type ProfileName, physicalType } from './profile.ts'
import type { ColumnSchema } from './schema-element.ts'
import { columnSummary } from './summary.ts'

export type ParquetWriterOptions = FileWriterOptions & {
  /** Default: `lake`. */
  readonly profile?: ProfileName
  /** `<application> version <version> (build <hash>)`. Default: without a version. */
  readonly createdBy?: string
  /** Default: 131,072. A multiple of 8. */
  readonly rowGroupRows?: number
  /** Of values before compression. Default: 64 MiB. */
  readonly rowGroupBytes?: number
  /** Default: 32,768. A multiple of 8. */
  readonly pageRows?: number
  /** Default: 1 MiB. A larger single value has a page of its own. */
  readonly pageBytes?: number
}

const ROW_GROUP_ROWS = 131_072
const ROW_GROUP_BYTES = 64 * 1024 * 1024
const PAGE_ROWS = 32_768
const PAGE_BYTES = 1024 * 1024

/** A page index waits in memory for the end of the file: small beside the row groups it describes. */
type WrittenChunk = ColumnChunk & { readonly indexes: { readonly column: Uint8Array | null; readonly offset: Uint8Array } }

/**
 * A writer of one Parquet file (apache/parquet-format 2.x, data pages V1), readable without hints by Snowflake, DuckDB, Spark
 * and Arrow. Rows keep their order. Memory: one row group compressed, one page per column, a few pages more on their way, whatever the file's size.
 *
 * Columns may arrive as their declared type or, for text, dictionary-encoded (Int32 indices), batch by batch.
 * `append` and `finish` throw `BAD_VALUE` for a decimal beyond its precision, `UNSUPPORTED` and `INTERNAL` for batches that
 * are not of the schema, and what the sink throws; after an error the file cannot be continued.
 */
export function createParquetWriter(options: ParquetWriterOptions): FileWriter {
  const profile = PROFILES[options.profile ?? 'lake']
  const limits: PageLimits = { rows: options.pageRows ?? PAGE_ROWS, bytes: options.pageBytes ?? PAGE_BYTES }
  const groupRows = options.rowGroupRows ?? ROW_GROUP_ROWS
  const groupBytes = options.rowGroupBytes ?? ROW_GROUP_BYTES
  if (limits.rows % 8 !== 0 || groupRows % 8 !== 0 || limits.rows === 0 || groupRows === 0) {
    throw new ConnectorError(
      'INTERNAL',
      `Parquet pages of ${limits.rows} and row groups of ${groupRows} rows: both must be multiples of 8`,
    )
  }
  const compressor = compressorOf(options.compression)
  const scratch = pageScratch(limits)
  const schema = columnSchemas(options.schema, options.profile ?? 'lake')
  const columns = schema.map(
    (column) => new ColumnWriter(column, physicalCodec(column.physical, column.logical), compressor, limits, scratch),
  )
  const totals = new Map<string, { nulls: number; bounds: Bounds }>()
  const rowGroups: (Omit<RowGroup, 'columns'> & { readonly columns: readonly WrittenChunk[] })[] = []
  let checked: Schema | null = null
  let rows = 0
  let groupedRows = 0
  const file = new OffsetSink(options.sink)
  const steps = new WriterSteps('Parquet')

  const isStated = (column: ColumnSchema): boolean => !(options.unstated?.has(column.name) ?? false)

  const writeChunk = async (writer: ColumnWriter): Promise<WrittenChunk> => {
    const chunk = await writer.finish()
    const start = file.position
    await file.write(...chunk.parts)
    const { schema: column, codec } = writer
    const total = totals.get(column.name)
    totals.set(column.name, {
      nulls: chunk.nulls + (total?.nulls ?? 0),
      bounds: total === undefined ? chunk.bounds : mergeBounds(total.bounds, chunk.bounds),
    })
    const dataPageOffset = start + chunk.dictionarySize
    const dictionaryPages =
      chunk.dictionarySize === 0 ? 0 : chunk.pages.filter((page) => page.encoding === Encoding.PLAIN_DICTIONARY).length
    const floating = column.physical.type === Type.FLOAT || column.physical.type === Type.DOUBLE
    return {
      schema: column,
      codec,
      compression: compressor.codec,
      values: chunk.rows,
      uncompressedSize: chunk.uncompressedSize,
      compressedSize: chunk.compressedSize,
      dictionaryPageOffset: chunk.dictionarySize === 0 ? null : start,
      dataPageOffset,
      plainPages: chunk.pages.length - dictionaryPages,
      dictionaryPages,
      statistics: { nulls: chunk.nulls, bounds: isStated(column) ? chunk.bounds : null },
      columnIndex: null,
      offsetIndex: null,
      indexes: {
        column: isStated(column) ? columnIndex(chunk.pages, codec, floating) : null,
        offset: offsetIndex(chunk.pages, dataPageOffset),
      },
    }
  }

  const finishRowGroup = async (): Promise<void> => {
    if (groupedRows === 0) return
    if (file.position === 0) await file.write(MAGIC)
    const chunks: WrittenChunk[] = []
    for (const column of columns) column.close()
    for (const column of columns) chunks.push(await writeChunk(column))
    rowGroups.push({ rows: groupedRows, columns: chunks })
    groupedRows = 0
  }

  /** "The index structures are stored separately from RowGroup, near the footer": all column indexes, then all offset indexes. */
  const writePageIndex = async (): Promise<readonly RowGroup[]> => {
    const place = async (bytes: Uint8Array | null) => {
      if (bytes === null) return null
      const range = { offset: file.position, length: bytes.length }
      await file.write(bytes)
      return range
    }
    const placed = rowGroups.map((group) => ({ rows: group.rows, columns: group.columns.map((chunk) => ({ ...chunk })) }))
    for (const which of ['column', 'offset'] as const) {
      for (const group of placed) {
        for (const [i, chunk] of group.columns.entries()) {
          const range = await place(chunk.indexes[which])
          group.columns[i] = { ...chunk, ...(which === 'column' ? { columnIndex: range } : { offsetIndex: range }) }
        }
      }
    }
    return placed
  }

  const append = async (batch: RecordBatch): Promise<void> => {
    if (batch.schema !== checked) {
      checkSchema(batch.schema, schema)
      checked = batch.schema
    }
    // Pages of the batch before were compressed meanwhile.
    for (const column of columns) await column.settle()
    const views = schema.map((column, i) => columnView(childOf(batch, i, column.name), column.name))
    const bytesPerRow = Math.max(1, views.reduce((bytes, view) => bytes + byteLength(view), 0) / Math.max(1, batch.numRows))
    let from = 0
    while (from < batch.numRows) {
      const held = columns.reduce((bytes, column) => bytes + column.uncompressed, 0)
      const byBytes = Math.max(8, Math.floor((groupBytes - held) / bytesPerRow) & ~7)
      const to = Math.min(batch.numRows, from + groupRows - groupedRows, from + byBytes)
      for (const [i, column] of columns.entries()) column.append(views[i] as ColumnView, from, to)
      groupedRows += to - from
      rows += to - from
      from = to
      if (groupedRows >= groupRows || columns.reduce((bytes, column) => bytes + column.uncompressed, 0) >= groupBytes) {
        await finishRowGroup()
      }
    }
  }

  return {
    get rows() {
      return rows
    },
    get bytes() {
      return file.position + columns.reduce((bytes, column) => bytes + column.held, 0)
    },
    get allocated() {
      return file.waiting + columns.reduce((bytes, column) => bytes + column.allocated, 0)
    },
    append: (batch) => steps.run(() => append(batch)),
    endGroup: () =>
      steps.run(async () => {
        await finishRowGroup()
        await file.flush()
        for (const column of columns) column.shrink()
      }),
    finish: () =>
      steps.finish(async (): Promise<FileSummary> => {
        await finishRowGroup()
        if (file.position === 0) await file.write(MAGIC)
        const placed = await writePageIndex()
        const footer = fileMetaData({
          profile,
          schema,
          rows,
          rowGroups: placed,
          keyValues: new Map<string, string>(options.metadata)
            .set(ARROW_SCHEMA_KEY, arrowSchemaText(options.schema))
            .set('portage.profile', profile.name),
          createdBy: options.createdBy ?? 'portage-lakehouse',
        })
        const length = new Uint8Array(4)
        new DataView(length.buffer).setUint32(0, footer.length, true)
        await file.write(footer, length, MAGIC)
        await file.flush()
        return {
          rows,
          bytes: file.position,
          columns: Object.fromEntries(
            schema.map((column) => {
              const total = totals.get(column.name)
              return [
                column.name,
                columnSummary(column.logical, total?.nulls ?? 0, isStated(column) ? (total?.bounds ?? null) : null),
              ]
            }),
          ),
        }
      }),
  }
}

function columnSchemas(schema: Schema, profileName: ProfileName): readonly ColumnSchema[] {
  return schema.fields.map((field) => {
    const logical = logicalTypeOf(field.type, field.name)
    return { name: field.name, logical, physical: physicalType(logical, PROFILES[profileName]), nullable: field.nullable }
  })
}

/** Names, order and types must agree; a dictionary stands for its values. */
function checkSchema(schema: Schema, columns: readonly ColumnSchema[]): void {
  const found = schema.fields.map((field) => `${field.name} ${JSON.stringify(logicalTypeOf(field.type, field.name))}`)
  const expected = columns.map((column) => {
    const logical = column.logical.kind === 'utf8' ? { kind: 'utf8', format: 'text' } : column.logical
    return `${column.name} ${JSON.stringify(logical)}`
  })
  const wrong = expected.findIndex((text, i) => text !== found[i])
  if (wrong === -1 && found.length === expected.length) return
  const at = wrong === -1 ? expected.length : wrong
  throw new ConnectorError(
    'INTERNAL',
    `Record batch differs from the file's schema at column ${at + 1}: expected ${expected[at] ?? 'no more columns'}, found ${found[at] ?? 'none'}`,
  )
}

function childOf(batch: RecordBatch, index: number, name: string) {
  const child = batch.data.children[index]
  if (child === undefined || batch.data.nullCount > 0 || child.length < batch.numRows) {
    throw new ConnectorError(
      'INTERNAL',
      `Record batch of ${batch.numRows} rows: column "${name}" is missing, too short, or its rows are null`,
    )
  }
  return child
}

/** About how many bytes the column's values take, for cutting batches at row-group boundaries. */
function byteLength(column: ColumnView): number {
  const { values, rows } = column
  switch (values.form) {
    case 'bytes':
      return rows * 4 + (values.strings.offsets[rows] as number) - (values.strings.offsets[0] as number)
    case 'dictionary':
      return rows * 2
    case 'decimal':
      return rows * 16
    case 'int64':
      return rows * 8
    case 'int32':
    case 'int16':
      return rows * 4
    case 'bool':
      return rows / 8
    case 'null':
      return 0
    default:
      return values satisfies never
  }
}
