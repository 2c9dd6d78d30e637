/** Spark (the Java implementation) as the oracle for ORC, value by value in both directions, and its push-down over our index. */
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type RecordBatch as Batch, DataType, Field, List, Schema, Struct, Table, tableToIPC, Utf8 } from 'apache-arrow'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { inspectOrc } from '../../integrations/land/orc/inspect.ts'
import { openOrc } from '../../integrations/land/orc/orc-file.ts'
import { rangesOf, readOrc, writeOrc } from '../support/orc-files.ts'
import { NULL_PATTERNS, type NullPattern, TRUTH_COLUMNS, TruthTable, truthBatch } from '../support/orc-truth.ts'
import { type Plain, plainBatch, plainColumns } from '../support/plain-values.ts'
import { spark } from '../support/services/spark.ts'

const OUR_CODECS = ['none', 'snappy', 'gzip', 'zstd'] as const
const SPARK_CODECS = ['none', 'snappy', 'zlib', 'zstd', 'lz4', 'lzo']
const SIZES = [0, 1, 511, 512, 513, 10_000, 10_001]
const STRIPED_ROWS = 25_000
/** Tens of millions of values, compared one by one. */
const MINUTES_15 = 900_000
/** Patterns of nulls with which predicates are tried. */
const PREDICATED: ReadonlySet<NullPattern> = new Set(['none', 'alternating'])
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

type Read = { readonly path: string; readonly arrow: string; readonly predicates: boolean }

/** Spark's answers for files, by lists of files of one schema. */
async function readBySpark(jobs: readonly (readonly Read[])[]): Promise<readonly Found[]> {
  const manifest = join(await mkdtemp(join(directory, 'jobs-')), 'jobs.json')
  await writeFile(manifest, JSON.stringify(jobs))
  const { stdout } = await spark(join(SCRIPTS, 'spark_read.py'), { args: [manifest] })
  return stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Found)
}

test(
  'Spark reads every type, pattern of nulls, codec and size from our files, and skips by our statistics rightly',
  async () => {
    const cases: { rows: number; pattern: NullPattern; compression: (typeof OUR_CODECS)[number]; read: Read }[] = []
    const jobs: Read[][] = []
    for (const rows of [...SIZES, STRIPED_ROWS]) {
      const job: Read[] = []
      for (const pattern of NULL_PATTERNS) {
        const batch = truthBatch(rows, pattern)
        const arrow = join(directory, `${rows}-${pattern}.arrow`)
        await writeFile(arrow, tableToIPC(new Table([batch]), 'file'))
        for (const compression of OUR_CODECS) {
          const stripeRows = rows === STRIPED_ROWS ? 12_000 : 1e9
          const { bytes } = await writeOrc(batch.schema, [batch], { compression, stripeRows })
          const path = join(directory, `${rows}-${pattern}-${compression}.orc`)
          await writeFile(path, bytes)
          const read = { path, arrow, predicates: rows === STRIPED_ROWS && compression === 'snappy' && PREDICATED.has(pattern) }
          cases.push({ rows, pattern, compression, read })
          job.push(read)
        }
      }
      jobs.push(job)
    }
    const found = await readBySpark(jobs)
    const truth = new TruthTable('ORC written by Portage, read by Spark')
    for (const [i, { path, rows, types, columns, predicates }] of found.entries()) {
      expect(path).toBe(cases[i]?.read.path)
      expect(rows).toEqual([cases[i]?.rows, cases[i]?.rows])
      expect(types).toMatchObject(TYPES)
      expect(Object.keys(columns)).toEqual(TRUTH_COLUMNS)
      for (const [name, [values, equal]] of Object.entries(columns)) truth.add(name, values, equal)
      for (const [predicate, [, , same]] of Object.entries(predicates)) expect([predicate, same]).toEqual([predicate, true])
      expect(Object.keys(predicates)).toHaveLength(cases[i]?.read.predicates === true ? 9 : 0)
    }
    truth.print()
    expect(found).toHaveLength(cases.length)
    expect(truth.differences).toBe(0)
  },
  MINUTES_15,
)

test('Spark reads texts of a megabyte, fifty levels of nesting, char and varchar from our files', async () => {
  let type: DataType = new Utf8()
  let value: Plain = 'x'
  for (let level = 0; level < 25; level++) {
    type = new List(new Field('item', new Struct([new Field('s', type, true)]), true))
    value = [[value], null]
  }
  const long = Array.from({ length: 9 }, (_, i) => (i === 4 ? null : `${i}`.repeat(1_000_000 + i)))
  const large = {
    schema: new Schema([new Field('long', new Utf8(), true), new Field('deep', type, true)]),
    columns: [long, long.map((_, i) => (i % 3 === 1 ? null : value))],
  }
  const typed = (name: string, orc: string) => new Field(name, new Utf8(), true, new Map([['orc.type', orc]]))
  const short = {
    schema: new Schema([typed('code', 'char(4)'), typed('name', 'varchar(10)')]),
    columns: [
      ['abcd', null, 'äöüß'],
      ['x'.repeat(10), '', null],
    ],
  }
  const jobs: Read[][] = []
  for (const [name, { schema, columns }] of Object.entries({ large, short })) {
    const batch = plainBatch(schema, columns)
    const read = { path: join(directory, `${name}.orc`), arrow: join(directory, `${name}.arrow`), predicates: false }
    await writeFile(read.path, (await writeOrc(schema, [batch], { compression: 'snappy' })).bytes)
    await writeFile(read.arrow, tableToIPC(new Table([batch]), 'file'))
    jobs.push([read])
  }
  const [first, second] = await readBySpark(jobs)
  expect(first?.columns).toEqual({ long: [9, 9], deep: [9, 9] })
  expect(second?.columns).toEqual({ code: [3, 3], name: [3, 3] })
})

test(
  'our reader reads every type, pattern of nulls, codec and size from files of Spark',
  async () => {
    const target = await mkdtemp(join(directory, 'theirs-'))
    const cases = NULL_PATTERNS.flatMap((pattern) => [
      ...SIZES.map((rows) => ({ rows, pattern, striped: false })),
      { rows: STRIPED_ROWS, pattern, striped: true },
    ])
    const nameOf = ({ rows, pattern, striped }: (typeof cases)[number]) => `${rows}-${pattern}${striped ? '-stripes' : ''}`
    const columnsOf = ({ rows, pattern }: (typeof cases)[number]) => plainColumns([truthBatch(rows, pattern)])
    for (const each of cases) {
      await writeFile(join(target, `${nameOf(each)}.arrow`), tableToIPC(new Table([truthBatch(each.rows, each.pattern)]), 'file'))
    }
    await spark(join(SCRIPTS, 'spark_write.py'), { args: [target, ...SPARK_CODECS] })
    const truth = new TruthTable('ORC written by Spark, read by Portage')
    for (const each of cases) {
      const expected = columnsOf(each)
      for (const codec of SPARK_CODECS) {
        const folder = each.striped ? `${codec}-stripes` : each.rows === 0 ? `${codec}-empty` : codec
        const stripes = await compare(join(target, folder, each.rows === 0 ? '' : `case=${nameOf(each)}`), codec, expected, truth)
        expect(stripes > 1).toBe(each.striped)
      }
    }
    truth.print()
    expect(truth.differences).toBe(0)
  },
  MINUTES_15,
)

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

/** Adds the comparison to the table; returns the number of stripes. */
async function compare(folder: string, codec: string, theirs: readonly (readonly Plain[])[], truth: TruthTable): Promise<number> {
  const parts = (await readdir(folder)).filter((file) => file.startsWith('part-') && file.endsWith('.orc'))
  expect(parts).toHaveLength(1)
  const bytes = await readFile(join(folder, parts[0] ?? ''))
  const found = await inspectOrc(rangesOf(bytes).read, bytes.length)
  expect(found.createdBy).toMatch(/^ORC Java/)
  // Spark writes the calendar of java.util: days before 1582-10-15 are converted on both sides.
  expect(found.calendar).toBe('hybrid')
  for (const { writerTimezone, columns } of found.rowGroups) {
    expect(writerTimezone).toBe('UTC')
    expect(columns[0]?.compression).toBe(codec.toUpperCase())
  }
  const file = await openOrc(rangesOf(bytes).read, bytes.length)
  const batches: Batch[] = []
  for await (const batch of file.read()) batches.push(batch)
  const ours = plainColumns(batches)
  for (const [i, name] of TRUTH_COLUMNS.entries()) {
    const values = theirs[i] ?? []
    const { type } = file.schema.fields[i] ?? {}
    const equal = values.filter((value, row) => same(value, ours[i]?.[row], type)).length
    truth.add(name, values.length, equal)
  }
  expect(file.schema.fields.map(({ name }) => name)).toEqual(TRUTH_COLUMNS)
  return found.rowGroups.length
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
