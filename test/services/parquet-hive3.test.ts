/** Hive 3.1.3's own readers of Parquet, row by row and vectorized, as the oracle for files made for Hive 3. Needs a Java 17 runtime. */
import { execFile } from 'node:child_process'
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { decimalText } from '../../connectors/column-values.ts'
import { storedType } from '../../connectors/hive/dialect.ts'
import type { LogicalType } from '../../connectors/logical-type.ts'
import { directoryFormat } from '../../integrations/register/directory/formats.ts'
import { dateText, timestampText } from '../../integrations/types/canonical-text.ts'
import { type CellValue, type TestColumn, testBatch } from '../support/arrow-columns.ts'
import { columnsOf, digits } from '../support/every-type.ts'
import { HIVE_POM } from '../support/services/hive-server.ts'
import { HIVE3_POM } from '../support/services/hive3-pom.ts'
import { mavenJars } from '../support/services/maven.ts'

const run = promisify(execFile)
const SCRIPT = fileURLToPath(new URL('./parquet/hive3.groovy', import.meta.url))
const MICROS_1582_10_15 = -12_219_292_800_000_000n

let directory: string
let classpath: string
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'portage-hive3-'))
  const [hive3, others] = [await mavenJars(HIVE3_POM), await mavenJars(HIVE_POM)]
  const hadoop = (await readdir(others)).filter((name) => !name.startsWith('hive-')).map((name) => join(others, name))
  classpath = [`${hive3}/*`, ...hadoop].join(':')
}, 300_000)
afterAll(() => rm(directory, { recursive: true, force: true }))

type Rows = readonly (readonly (string | null)[])[]
/** A text is an error. */
type Found = { readonly rows: Rows | string; readonly vectors: Rows | string }
type Table = { readonly path: string; readonly columns: readonly TestColumn[] }

async function readByHive(tables: readonly Table[], zone: string): Promise<readonly Found[]> {
  const list = join(directory, 'list.json')
  const files = tables.map(({ path, columns }) => ({
    path,
    names: columns.map(({ name }) => name),
    types: columns.map(({ type }) => storedType(type).toLowerCase()),
  }))
  await writeFile(list, JSON.stringify(files))
  const opened = ['java.lang', 'java.net', 'java.util'].flatMap((name) => ['--add-opens', `java.base/${name}=ALL-UNNAMED`])
  const options = ['-Xmx1g', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', `-Duser.timezone=${zone}`]
  const { stdout } = await run('java', [...options, ...opened, '-classpath', classpath, 'groovy.ui.GroovyMain', SCRIPT, list], {
    maxBuffer: 256 * 1024 * 1024,
  })
  const lines = stdout.split('\n').filter((line) => line.startsWith('{"rows"'))
  return lines.map((line) => JSON.parse(line) as Found)
}

async function write(
  name: string,
  columns: readonly TestColumn[],
  format: 'parquet' | 'parquet-hive3',
  compression: 'zstd' | 'gzip' | 'none' = 'zstd',
): Promise<Table> {
  const batch = testBatch(columns)
  const chunks: Uint8Array[] = []
  const sink = {
    write: async (chunk: Uint8Array) => {
      chunks.push(chunk.slice())
    },
  }
  const writer = directoryFormat(format, 'hive').createWriter({ schema: batch.schema, sink, compression, metadata: new Map() })
  await writer.append(batch)
  await writer.finish()
  const path = join(directory, `${name}.parquet`)
  await writeFile(path, Buffer.concat(chunks))
  return { path, columns }
}

/** As the script prints what Hive has: decimals and fractions of seconds without zeros at their end. */
function exact(type: LogicalType, value: CellValue): string | null {
  if (value === null) return null
  switch (type.kind) {
    case 'float32': {
      const [bits] = new Uint32Array(Float32Array.of(value as number).buffer)
      return (bits as number).toString(16)
    }
    case 'float64': {
      const [bits] = new BigUint64Array(Float64Array.of(value as number).buffer)
      return (bits as bigint).toString(16)
    }
    case 'binary':
      return Buffer.from(value as Uint8Array).toString('hex')
    case 'decimal': {
      const text = decimalText(value as bigint, type.scale)
      return text.includes('.') ? text.replace(/\.?0+$/, '') : text
    }
    case 'date':
      return dateText(value as number)
    case 'timestamp':
      return timestampText(value as bigint).replace(/\.?0+$/, '')
    default:
      return String(value)
  }
}

const expected = ({ columns }: Table) =>
  (columns[0]?.values ?? []).map((_, row) => columns.map(({ type, values }) => exact(type, values[row] as CellValue)))

/** Each type with each pattern of nulls, and decimals of every precision; timestamps that the profile takes. */
function everyColumn(rows: number): readonly TestColumn[] {
  const decimals = Array.from({ length: 38 }, (_, i): TestColumn => {
    const cycle = [digits(i + 1), null, -digits(i + 1), 0n, -1n, 1n]
    const values = Array.from({ length: rows }, (__, row) => cycle[row % 6] as CellValue)
    return { name: '', type: { kind: 'decimal', precision: i + 1, scale: i >> 1 }, values }
  })
  const first = (value: CellValue) => (typeof value === 'bigint' && value < MICROS_1582_10_15 ? MICROS_1582_10_15 : value)
  return [...columnsOf(rows), ...decimals].map((column, i) => ({
    ...column,
    name: `c${i}`,
    values: column.type.kind === 'timestamp' ? column.values.map(first) : column.values,
  }))
}

test.each(['UTC', 'America/New_York'])(
  'every type at its ends, in %s; nothing but this profile',
  { timeout: 300_000 },
  async (zone) => {
    const one = (type: LogicalType, values: readonly CellValue[]): readonly TestColumn[] => [{ name: 'c', type, values }]
    const tables = [
      await write('few', everyColumn(13), 'parquet-hive3'),
      await write('many', everyColumn(2500), 'parquet-hive3', 'gzip'),
      await write('none', everyColumn(1), 'parquet-hive3', 'none'),
    ]
    const others = [
      await write('timestamp', one({ kind: 'timestamp', utc: false }, [0n]), 'parquet', 'none'),
      await write('decimal', one({ kind: 'decimal', precision: 9, scale: 2 }, [5n]), 'parquet', 'none'),
      await write('zstd', one({ kind: 'int64' }, [5n]), 'parquet', 'zstd'),
    ]
    const found = await readByHive([...tables, ...others], zone)
    expect(found).toHaveLength(6)
    for (const [i, table] of tables.entries()) {
      const values = expected(table)
      for (const read of [found[i]?.rows, found[i]?.vectors]) {
        if (!Array.isArray(read)) throw new Error(String(read))
        for (const [row, cells] of values.entries()) expect(read[row], `row ${row}`).toEqual(cells)
        expect(read).toHaveLength(values.length)
      }
    }
    for (const { rows, vectors } of found.slice(3)) expect([rows, vectors]).toEqual([expect.any(String), expect.any(String)])
  },
)
