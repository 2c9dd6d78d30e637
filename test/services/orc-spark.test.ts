/** Spark (the Java implementation) as the oracle for ORC, value by value in both directions, and its push-down over our index. */
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type RecordBatch as Batch, DataType, RecordBatch, Table, tableFromIPC, tableToIPC } from 'apache-arrow'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { inspectOrc } from '../../integrations/land/orc/inspect.ts'
import { openOrc } from '../../integrations/land/orc/orc-file.ts'
import { rangesOf, readOrc, writeOrc } from '../support/orc-files.ts'
import { NULL_PATTERNS, TRUTH_COLUMNS, TruthTable, truthBatch } from '../support/orc-truth.ts'
import { type Plain, plainColumns } from '../support/plain-values.ts'
import { spark } from '../support/services/spark.ts'

const SCRIPTS = fileURLToPath(new URL('./orc/', import.meta.url))

let directory: string
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'portage-orc-'))
})
afterAll(() => rm(directory, { recursive: true, force: true }))

type Found = {
  readonly path: string
  readonly rows: readonly [number, number]
  readonly types: Readonly<Record<string, string>>
  readonly columns: Readonly<Record<string, readonly [number, number]>>
  readonly predicates: Readonly<Record<string, readonly [number, number, boolean]>>
}

const TYPES = {
  boolean: 'boolean',
  tinyint: 'tinyint',
  smallint: 'smallint',
  int: 'int',
  bigint: 'bigint',
  float: 'float',
  double: 'double',
  decimal_38_38: 'decimal(38,38)',
  string: 'string',
  binary: 'binary',
  date: 'date',
  timestamp: 'timestamp',
  instant: 'timestamp',
  list: 'array<bigint>',
  map: 'map<string,bigint>',
}

test('Spark reads every type, pattern of nulls, codec and size from our files, and skips by our statistics rightly', async () => {
  const cases = [
    ...NULL_PATTERNS.flatMap((pattern) =>
      (['none', 'snappy', 'gzip', 'zstd'] as const).map((compression) => ({ rows: 513, pattern, compression, stripeRows: 1e9 })),
    ),
    ...[1, 511, 512, 10_000, 10_001].map((rows) => ({
      rows,
      pattern: 'runs' as const,
      compression: 'zstd' as const,
      stripeRows: 1e9,
    })),
    ...(['none', 'alternating'] as const).map((pattern) => ({
      rows: 25_000,
      pattern,
      compression: 'snappy' as const,
      stripeRows: 12_000,
    })),
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
  const { stdout } = await spark(join(SCRIPTS, 'spark_read.py'), { args: paths })
  const found = stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Found)
  const truth = new TruthTable('ORC written by Portage, read by Spark')
  for (const [i, { rows, types, columns, predicates }] of found.entries()) {
    expect(rows).toEqual([cases[i]?.rows, cases[i]?.rows])
    expect(types).toMatchObject(TYPES)
    expect(Object.keys(columns)).toEqual(TRUTH_COLUMNS)
    for (const [name, [values, equal]] of Object.entries(columns)) truth.add(name, values, equal)
    for (const [predicate, [, , same]] of Object.entries(predicates)) expect([predicate, same]).toEqual([predicate, true])
  }
  truth.print()
  expect(found).toHaveLength(cases.length)
  expect(Object.keys(found.at(-1)?.predicates ?? {})).toHaveLength(9)
  expect(truth.differences).toBe(0)
})

test('our reader reads every type and codec from files of Spark', async () => {
  const target = await mkdtemp(join(directory, 'theirs-'))
  const codecs = ['none', 'snappy', 'zlib', 'zstd', 'lz4', 'lzo']
  const cases = [
    ...NULL_PATTERNS.map((pattern) => ({ rows: 513, pattern })),
    { rows: 1, pattern: 'none' as const },
    { rows: 25_000, pattern: 'runs' as const },
  ]
  for (const [i, { rows, pattern }] of cases.entries()) {
    await writeFile(join(target, `${i}.arrow`), tableToIPC(new Table([truthBatch(rows, pattern)]), 'file'))
  }
  await spark(join(SCRIPTS, 'spark_write.py'), { args: [target, ...codecs] })
  const truth = new TruthTable('ORC written by Spark, read by Portage')
  for (const i of cases.keys()) for (const codec of codecs) await compare(target, `${i}`, codec, truth)
  truth.print()
  expect(truth.differences).toBe(0)
})

test('timestamps of a JVM in another zone read as the clock there did', async () => {
  const target = await mkdtemp(join(directory, 'zone-'))
  await spark(join(SCRIPTS, 'spark_zone.py'), { args: [target], timeZone: 'America/New_York' })
  const part = (await readdir(target)).find((file) => file.startsWith('part-') && file.endsWith('.orc'))
  const bytes = await readFile(join(target, part ?? ''))
  const { rowGroups } = await inspectOrc(rangesOf(bytes).read, bytes.length)
  expect(rowGroups[0]?.writerTimezone).toBe('America/New_York')
  const { columns, rows } = await readOrc(bytes, { timestamps: 'text' })
  expect(rows).toBe(20_000)
  expect(columns[0]).toEqual(columns[1])
})

async function compare(target: string, name: string, codec: string, truth: TruthTable): Promise<void> {
  const folder = join(target, `${name}-${codec}`)
  const part = (await readdir(folder)).find((file) => file.startsWith('part-') && file.endsWith('.orc'))
  const bytes = await readFile(join(folder, part ?? ''))
  const found = await inspectOrc(rangesOf(bytes).read, bytes.length)
  expect(found.createdBy).toMatch(/^ORC Java/)
  // Spark writes the calendar of java.util: days before 1582-10-15 are converted on both sides.
  expect(found.calendar).toBe('hybrid')
  expect(found.rowGroups[0]?.writerTimezone).toBe('UTC')
  expect(found.rowGroups[0]?.columns[0]?.compression).toBe(codec.toUpperCase())
  const file = await openOrc(rangesOf(bytes).read, bytes.length)
  const batches: Batch[] = []
  for await (const batch of file.read()) batches.push(batch)
  const expected = tableFromIPC(await readFile(join(target, `${name}.arrow`)))
  const theirs = plainColumns(expected.batches.map((batch) => new RecordBatch(batch.schema, batch.data)))
  const ours = plainColumns(batches)
  for (const [i, values] of theirs.entries()) {
    const field = expected.schema.fields[i]
    const equal = values.filter((value, row) => same(value, ours[i]?.[row], field?.type)).length
    truth.add(field?.name ?? '', values.length, equal)
  }
}

function same(a: Plain, b: Plain | undefined, type: DataType | undefined): boolean {
  if (type !== undefined && DataType.isFloat(type)) return Object.is(a, b)
  if (type !== undefined && DataType.isMap(type) && Array.isArray(a) && Array.isArray(b)) {
    const sorted = (entries: readonly Plain[]) => entries.map(String).sort()
    return sorted(a).join() === sorted(b).join()
  }
  if (!Array.isArray(a)) return a === b
  return Array.isArray(b) && a.length === b.length && a.every((each, i) => same(each, b[i] as Plain, undefined))
}
