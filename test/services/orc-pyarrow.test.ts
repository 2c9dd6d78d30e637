/** pyarrow (the C++ implementation) as the oracle for ORC, value by value in both directions. */
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import {
  type RecordBatch as Batch,
  DataType,
  Field,
  List,
  RecordBatch,
  Schema,
  Struct,
  Table,
  TimestampMicrosecond,
  tableFromIPC,
  tableToIPC,
  Utf8,
} from 'apache-arrow'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openOrc } from '../../integrations/land/orc/orc-file.ts'
import { rangesOf, readOrc, writeOrc } from '../support/orc-files.ts'
import { NULL_PATTERNS, TRUTH_COLUMNS, TruthTable, truthBatch } from '../support/orc-truth.ts'
import { type Plain, plainBatch, plainColumns } from '../support/plain-values.ts'
import { python } from '../support/python.ts'

const SCRIPTS = fileURLToPath(new URL('./orc/', import.meta.url))
const CODECS = ['none', 'snappy', 'gzip', 'zstd'] as const
const SIZES = [0, 1, 511, 512, 513, 10_000, 10_001]

let directory: string
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'portage-orc-'))
})
afterAll(() => rm(directory, { recursive: true, force: true }))

type Found = {
  readonly path: string
  readonly rows: readonly [number, number, number]
  readonly stripes: number
  readonly types: Readonly<Record<string, string>>
  readonly version: string
  readonly columns: Readonly<Record<string, readonly [number, number]>>
}

const TYPES = {
  boolean: 'bool',
  tinyint: 'int8',
  smallint: 'int16',
  int: 'int32',
  bigint: 'int64',
  float: 'float',
  double: 'double',
  decimal_9_2: 'decimal128(9, 2)',
  decimal_38_38: 'decimal128(38, 38)',
  string: 'string',
  binary: 'binary',
  date: 'date32[day]',
  timestamp: 'timestamp[ns]',
  instant: 'timestamp[ns]',
  list: 'list<item: int64>',
  struct: 'struct<x: int32, y: string>',
  map: 'map<string, int64>',
}

test('pyarrow reads every type, pattern of nulls, codec and size from our files', async () => {
  const cases = [
    ...SIZES.flatMap((rows) =>
      NULL_PATTERNS.flatMap((pattern) => CODECS.map((compression) => ({ rows, pattern, compression, stripeRows: 1e9 }))),
    ),
    ...NULL_PATTERNS.map((pattern) => ({ rows: 25_000, pattern, compression: 'zstd' as const, stripeRows: 7_000 })),
  ]
  const paths: string[] = []
  for (const [i, { rows, pattern, compression, stripeRows }] of cases.entries()) {
    const batch = truthBatch(rows, pattern)
    const { bytes } = await writeOrc(batch.schema, [batch], { compression, stripeRows })
    const path = join(directory, `ours-${i}.orc`)
    await writeFile(path, bytes)
    await writeFile(path.replace('.orc', '.arrow'), tableToIPC(new Table([batch]), 'file'))
    paths.push(path)
  }
  const { stdout } = await python(join(SCRIPTS, 'read.py'), paths)
  const found = stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Found)
  const truth = new TruthTable('ORC written by Portage, read by pyarrow')
  for (const [i, { rows, stripes, types, version, columns }] of found.entries()) {
    const expected = cases[i]
    expect(rows).toEqual([expected?.rows, expected?.rows, expected?.rows])
    expect(stripes).toBe(expected?.rows === 25_000 ? 4 : expected?.rows === 0 ? 0 : 1)
    expect(version).toBe('0.12')
    expect(types).toMatchObject(TYPES)
    expect(Object.keys(columns)).toEqual(TRUTH_COLUMNS.filter((name) => name !== 'timestamp_far'))
    for (const [name, [values, equal]] of Object.entries(columns)) truth.add(name, values, equal)
  }
  truth.print()
  expect(found).toHaveLength(cases.length)
  expect(truth.differences).toBe(0)
})

test('pyarrow reads char, varchar and timestamps with local time zone where they are asked for', async () => {
  const metadata = (type: string) => new Map([['orc.type', type]])
  const schema = new Schema([
    new Field('code', new Utf8(), true, metadata('char(4)')),
    new Field('name', new Utf8(), true, metadata('varchar(10)')),
    new Field('at', new TimestampMicrosecond('UTC'), true),
  ])
  const batch = plainBatch(schema, [
    ['ab', null, 'äöüß'],
    ['x'.repeat(10), '', null],
    [0n, 1_600_000_000_000_001n, null],
  ])
  const path = join(directory, 'asked.orc')
  await writeFile(path, (await writeOrc(schema, [batch], { instants: true })).bytes)
  await writeFile(path.replace('.orc', '.arrow'), tableToIPC(new Table([batch]), 'file'))
  const { types, columns } = JSON.parse((await python(join(SCRIPTS, 'read.py'), [path])).stdout) as Found
  expect(types).toEqual({ code: 'string', name: 'string', at: 'timestamp[ns, tz=UTC]' })
  expect(columns).toEqual({ code: [3, 3], name: [3, 3], at: [3, 3] })
})

test('pyarrow reads texts of a megabyte and fifty levels of nesting', async () => {
  let type: DataType = new Utf8()
  let value: Plain = 'x'
  for (let level = 0; level < 25; level++) {
    type = new List(new Field('item', new Struct([new Field('s', type, true)]), true))
    value = [[value], null]
  }
  const schema = new Schema([new Field('long', new Utf8(), true), new Field('deep', type, true)])
  const long = Array.from({ length: 9 }, (_, i) => (i === 4 ? null : `${i}`.repeat(1_000_000 + i)))
  const batch = plainBatch(schema, [long, long.map((_, i) => (i % 3 === 1 ? null : value))])
  const path = join(directory, 'large.orc')
  await writeFile(path, (await writeOrc(schema, [batch], { compression: 'snappy' })).bytes)
  await writeFile(path.replace('.orc', '.arrow'), tableToIPC(new Table([batch]), 'file'))
  const { columns } = JSON.parse((await python(join(SCRIPTS, 'read.py'), [path])).stdout) as Found
  expect(columns).toEqual({ long: [9, 9], deep: [9, 9] })
})

test('our reader reads every type, codec, version and encoding from files of pyarrow', async () => {
  const target = await mkdtemp(join(directory, 'theirs-'))
  await python(join(SCRIPTS, 'write.py'), [target])
  const truth = new TruthTable('ORC written by pyarrow, read by Portage')
  const files = (await readdir(target)).filter((name) => name.endsWith('.orc'))
  expect(files).toHaveLength(8 * 4 + 2 * 4 * 19)
  for (const name of files) {
    const bytes = await readFile(join(target, name))
    const expected = tableFromIPC(await readFile(join(target, name.replace('.orc', '.arrow'))))
    const file = await openOrc(rangesOf(bytes).read, bytes.length)
    expect(file.rows).toBe(expected.numRows)
    expect(file.schema.fields.map((field) => field.name)).toEqual(expected.schema.fields.map((field) => field.name))
    const batches: Batch[] = []
    for await (const batch of file.read({ timestamps: 'nanos' })) batches.push(batch)
    const theirs = plainColumns(expected.batches.map((batch) => new RecordBatch(batch.schema, batch.data)))
    const ours = plainColumns(batches)
    for (const [i, values] of theirs.entries()) {
      const field = expected.schema.fields[i]
      const equal = values.filter((value, row) => same(value, ours[i]?.[row], field?.type)).length
      truth.add(field?.name ?? '', values.length, equal)
    }
  }
  truth.print()
  expect(truth.differences).toBe(0)
  const union = await readOrc(await readFile(join(target, 'union', 'union.orc')))
  expect(union.columns[0]).toEqual([
    [0, 5, null],
    [1, null, 'a'],
    [0, 6, null],
    [1, null, 'bc'],
  ])
})

/** Floats by their bits, but for NaN, whose payload neither side promises. */
function same(a: Plain, b: Plain | undefined, type: DataType | undefined): boolean {
  if (type !== undefined && DataType.isFloat(type)) return Object.is(a, b)
  if (!Array.isArray(a)) return a === b
  return Array.isArray(b) && a.length === b.length && a.every((each, i) => same(each, b[i] as Plain, undefined))
}
