/** Damaged and hostile Parquet files of other writers: mutations of sound ones, read as a foreign table's files are. */
import { readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ConnectorError } from '../../connectors/errors.ts'
import { inspectParquet } from '../../integrations/land/parquet/inspect.ts'
import type { ReadRange } from '../../integrations/transfer/foreign/foreign-file.ts'
import { openForeignReader } from '../../integrations/transfer/foreign/foreign-reader.ts'
import { openParquetDataFile } from '../../integrations/transfer/foreign/parquet-data-file.ts'
import { AWKWARD, damaged, MAX_ROWS, measured, pick, type Random, type Reading } from './damage.ts'
import { foreignColumns, foreignLayout, found } from './foreign-tables.ts'
import { duckdbFiles, rangesOf } from './parquet-files.ts'
import { decodeThrift, encodeThrift, type ThriftNode, type ThriftValue, thriftOf } from './thrift-compact.ts'

/** Small sound files of Hive, Spark and DuckDB: flat and nested columns, every codec, pages of both versions. */
export async function soundParquet(): Promise<readonly Uint8Array[]> {
  const names = ['hive.parquet', 'spark.parquet', 'hive-new-york.parquet', 'spark-lz4-hadoop.parquet', 'spark-lz4-raw.parquet']
  const files = names.map((name) => new Uint8Array(readFileSync(new URL(`foreign-files/${name}`, import.meta.url))))
  await using duckdb = await duckdbFiles()
  const rows = `select i, case when i % 5 = 1 then null else (i * 7)::int end n, i / 7.0::double f, 'row ' || i s, 'c' || i % 3 c,
    (i % 90)::decimal(20, 2) d, make_timestamp(i * 1234567::bigint) t, i % 2 = 0 b, [x for x in range(i % 3)] l,
    map([i::varchar], [i]) m, {x: i, y: ['a' || i, null]} st from range(700) r(i)`
  for (const [codec, version] of [
    ['uncompressed', 'v1'],
    ['zstd', 'v1'],
    ['snappy', 'v2'],
    ['gzip', 'v2'],
    ['uncompressed', 'v2'],
  ] as const) {
    const path = join(duckdb.directory, `${codec}-${version}.parquet`)
    await duckdb.query(
      `copy (${rows}) to '${path}' (format parquet, codec '${codec}', parquet_version '${version}', row_group_size 300)`,
    )
    files.push(new Uint8Array(await readFile(path)))
  }
  return files
}

/** One damaged file. */
export function mutateParquet(files: readonly Uint8Array[], random: Random): Uint8Array {
  const source = pick(files, random)
  return damaged(source, files, random) ?? (random() < 0.5 ? mutateFooter(source, random) : mutatePages(source, random))
}

export type PageParts = { readonly header: ThriftValue; readonly body: Uint8Array }

export type ParquetParts = {
  /** SchemaElements without the root. */
  readonly schema: readonly ThriftValue[]
  readonly pages: readonly PageParts[]
  readonly path: readonly string[]
  /** Type of parquet.thrift. */
  readonly type: number
  /** Default: of one page. */
  readonly values: number
  readonly rows: number
}

/** A file of one column without compression, sound or not. */
export function parquetOfParts({ schema, pages, path, type, values, rows }: ParquetParts): Uint8Array {
  const start = 4
  const chunk = Buffer.concat(pages.flatMap(({ header, body }) => [encodeThrift(thriftOf(header)), body]))
  const size = BigInt(chunk.length)
  const meta = { 1: type, 2: [0, 3], 3: path, 4: 0, 5: BigInt(values), 6: size, 7: size, 9: BigInt(start) }
  const group = { 1: [{ 2: BigInt(start), 3: meta }], 2: size, 3: BigInt(rows) }
  const children = schema.filter((_, index) => index === 0 || path.length === 1).length
  const footer = encodeThrift(thriftOf({ 1: 1, 2: [{ 4: 'root', 5: children }, ...schema], 3: BigInt(rows), 4: [group] }))
  return framed(Buffer.concat([Buffer.from('PAR1'), chunk]), footer)
}

/** A data page V1 of so many values; sizes are those of the body unless `size` says otherwise. */
export function dataPage(
  body: Uint8Array,
  { values, encoding = 0, size = body.length }: { readonly values: number; readonly encoding?: number; readonly size?: number },
): PageParts {
  return { header: { 1: 0, 2: size, 3: body.length, 5: { 1: values, 2: encoding, 3: 3, 4: 3 } }, body }
}

export function dictionaryPage(body: Uint8Array, values: number): PageParts {
  return { header: { 1: 2, 2: body.length, 3: body.length, 7: { 1: values, 2: 0 } }, body }
}

export function framed(before: Uint8Array, footer: Uint8Array): Uint8Array {
  const length = Buffer.alloc(4)
  length.writeUInt32LE(footer.length)
  return Buffer.concat([before, footer, length, Buffer.from('PAR1')])
}

const TAIL_BYTES = 8

function footerOf(bytes: Uint8Array): { readonly start: number; readonly footer: ThriftNode } {
  const end = bytes.length - TAIL_BYTES
  const start = end - new DataView(bytes.buffer, bytes.byteOffset).getUint32(end, true)
  return { start, footer: decodeThrift(bytes, start).node }
}

/** The file under a footer of the test's own. */
function withFooter(bytes: Uint8Array, change: (footer: ThriftNode) => void): Uint8Array {
  const { start, footer } = footerOf(bytes)
  change(footer)
  return framed(bytes.subarray(0, start), encodeThrift(footer))
}

/** Rewrites the footer with awkward numbers, so that damage gets past the framing. */
function mutateFooter(bytes: Uint8Array, random: Random): Uint8Array {
  return withFooter(bytes, (footer) => {
    for (let i = 0; i < 3; i++) disturb(footer, random)
  })
}

/** FileMetaData 4 row_groups, RowGroup 1 columns, ColumnChunk 3 meta_data, ColumnMetaData 9 data_page_offset, 11 dictionary_page_offset. */
function chunkStarts(footer: ThriftNode): readonly number[] {
  const groups = footer.fields.get(4)?.items ?? []
  return groups
    .flatMap((group) => group.fields.get(1)?.items ?? [])
    .map((chunk) => {
      const meta = chunk.fields.get(3)?.fields
      return Number(meta?.get(11)?.number ?? meta?.get(9)?.number ?? 4n)
    })
}

/** Damages headers and levels of pages: the first bytes of a column. */
function mutatePages(source: Uint8Array, random: Random): Uint8Array {
  const bytes = new Uint8Array(source)
  const starts = chunkStarts(footerOf(bytes).footer)
  for (let i = 0; i <= Math.floor(random() * 3); i++) {
    const at = pick(starts, random) + Math.floor(random() ** 2 * 80)
    if (at < bytes.length) bytes[at] = random() < 0.5 ? (bytes[at] as number) ^ (1 << Math.floor(random() * 8)) : random() * 256
  }
  return bytes
}

/** Sets one number anywhere below to an awkward one, or drops, doubles or damages an element of a list. */
function disturb(node: ThriftNode, random: Random): void {
  const inner = [...node.fields.values(), ...node.items]
  if (node.number !== null) {
    node.number = BigInt(pick([...AWKWARD, -1], random))
    return
  }
  if (node.items.length > 0 && random() < 0.2) {
    const index = Math.floor(random() * node.items.length)
    if (random() < 0.5) node.items.push(node.items[index] as ThriftNode)
    else node.items.splice(index, 1)
    return
  }
  if (node.bytes !== null && node.bytes.length > 0) {
    node.bytes = node.bytes.with(Math.floor(random() * node.bytes.length), Math.floor(random() * 256))
    return
  }
  if (inner.length > 0) disturb(pick(inner, random), random)
}

/** What the columns of the sound files are in a table: wider types, so that values are converted. */
const TABLE_TYPES: Readonly<Record<string, string>> = {
  ti: 'int',
  si: 'bigint',
  n: 'decimal(12,2)',
  d9: 'string',
}

/** As a table of Hive that has each column, with the type that the file says or a wider one. */
async function readAsTable(bytes: Uint8Array, read: ReadRange): Promise<void> {
  const { columns } = await openParquetDataFile(read, bytes.length, () => '')
  const table = columns.flatMap(({ name, shape }) => {
    const wider = TABLE_TYPES[name]
    const [column] = wider === undefined ? [] : foreignColumns([`${name} ${wider}`])
    if (shape === null) return []
    return [column ?? { name, sourceType: '', type: shape.kind === 'value' ? shape.type : null, shape }]
  })
  const reader = openForeignReader(await found({ ...foreignLayout([]), columns: table }, { x: bytes }), null)
  let rows = 0
  for await (const { batch, release } of reader.rows(new AbortController().signal)) {
    rows += batch.numRows
    release()
    if (rows >= MAX_ROWS) break
  }
}

/** Reads every value of a file as either engine means it. Throws what is no `ConnectorError`: that is a finding. */
export const readHostileParquet = (bytes: Uint8Array): Promise<Reading> => measured((holds) => readParquet(bytes, holds))

/** As a foreign table reads it, and `inspect`. */
export async function readParquet(bytes: Uint8Array, holds: () => void = () => {}): Promise<void> {
  const read = async (start: number, end: number): Promise<Uint8Array> => {
    if (!(start >= 0 && start <= end && end <= bytes.length)) {
      throw new ConnectorError('FORMAT', 'the file is damaged: it points beyond itself')
    }
    return bytes.slice(start, end)
  }
  await inspectParquet(rangesOf(bytes), bytes.length)
  await readAsTable(bytes, read)
  for (const owner of ['hive', 'spark'] as const) {
    const file = await openParquetDataFile(read, bytes.length, () => '')
    let rows = 0
    const places = file.columns.flatMap(({ shape }, place) => (shape === null ? [] : [place]))
    for await (const some of file.read(places, { owner, signal: new AbortController().signal })) {
      for (const { data, at } of some.columns) {
        if (data !== null) data()
        else for (let row = 0; row < some.rows; row++) at(row)
      }
      holds()
      rows += some.rows
      if (rows >= MAX_ROWS) break
    }
  }
}
