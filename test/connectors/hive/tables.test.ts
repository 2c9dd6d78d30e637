/** Tables of Hive and Spark by their catalogue: what real servers said, over real Thrift; refusals; rows of queries. */
import { afterEach, describe, expect, test } from 'vitest'
import { openHiveClient } from '../../../connectors/hive/client/client.ts'
import { hiveClientOptions } from '../../../connectors/hive/client/options.ts'
import { openHiveTables } from '../../../connectors/hive/tables/tables.ts'
import type { ForeignLayout } from '../../../connectors/manifest.ts'
import type { ReadRequest, Tables } from '../../../connectors/tables.ts'
import { failure, rowsAnswer, type Script } from '../../support/hive/answers.ts'
import { describedTables } from '../../support/hive/described.ts'
import { hiveEnvironment } from '../../support/hive/environment.ts'
import { startFakeHive } from '../../support/hive/server.ts'
import { linesOf } from '../../support/table-rows.ts'

const signal = new AbortController().signal
const opened: AsyncDisposable[] = []
afterEach(async () => {
  for (const each of opened.splice(0).reverse()) await each[Symbol.asyncDispose]()
})

async function tablesOf(dialect: 'hive' | 'spark', script: Script): Promise<Tables> {
  const server = await startFakeHive({ script })
  opened.push(server)
  const client = openHiveClient(hiveClientOptions.parse({ host: '127.0.0.1', port: server.port, dialect }), hiveEnvironment)
  const tables = openHiveTables(client)
  opened.push(tables)
  return tables
}

async function layoutOf(
  dialect: 'hive' | 'spark',
  name: string,
  script = describedTables(dialect),
): Promise<ForeignLayout | null> {
  const tables = await tablesOf(dialect, script)
  return (await tables.layout?.({ schema: 'fixtures', name }, signal)) ?? null
}

const columnsOf = (columns: ForeignLayout['columns']) => columns.map(({ name, sourceType }) => `${name} ${sourceType}`)

describe('the layout of a table', () => {
  test('of Hive: columns, comments, partitions with their values, locations and columns of their own', async () => {
    const layout = await layoutOf('hive', 'visits')
    expect(layout).toMatchObject({
      subject: 'Table "fixtures.visits"',
      owner: 'hive',
      format: 'orc',
      location: 's3a://lake/warehouse/visits',
      matching: { orc: 'position', parquet: 'name' },
      comment: 'line one\nline two',
    })
    expect(columnsOf(layout?.columns ?? [])).toEqual([
      'id bigint',
      'name varchar(20)',
      'amount decimal(12,2)',
      'tags array<string>',
      'detail struct<x:int,y:map<string,date>>',
      'extra int',
    ])
    expect(layout?.columns.map(({ type }) => type?.kind ?? null)).toEqual(['int64', 'utf8', 'decimal', null, null, 'int32'])
    expect(layout?.columns[0]?.comment).toBe('who, when')
    expect(columnsOf(layout?.partitionColumns ?? [])).toEqual(['day date', 'country string'])
    expect(layout?.partitions.map(({ values, location, columns }) => [values, location, columns?.length])).toEqual([
      [['2026-01-02', 'a/b c:ü%'], 's3a://lake/warehouse/visits/day=2026-01-02/country=a%2Fb c%3Aü%25', 5],
      [['2026-01-03', null], 's3a://lake/elsewhere/part_one', 5],
      [['2026-02-02', "it's"], 's3a://lake/warehouse/visits/day=2026-02-02/country=it%27s', undefined],
    ])
  })

  test('of Spark: names in their case, instants and wall clocks apart, the partition`s location and not the table`s', async () => {
    const layout = await layoutOf('spark', 'visits')
    expect(layout).toMatchObject({ owner: 'spark', format: 'parquet', matching: { orc: 'name', parquet: 'name' } })
    expect(columnsOf(layout?.columns ?? [])).toEqual([
      'id bigint',
      'Name varchar(20)',
      'amount decimal(12,2)',
      'tags array<string>',
      'at timestamp',
      'wall timestamp_ntz',
    ])
    expect(layout?.columns.slice(4).map(({ type }) => type)).toEqual([
      { kind: 'timestamp', utc: true },
      { kind: 'timestamp', utc: false },
    ])
    expect(layout?.comment).toBe('line one, two')
    expect(layout?.partitions).toEqual([
      { values: ['2026-01-02', 'a/b c:ü%'], location: 's3a://lake/warehouse/visits/day=2026-01-02/country=a%2Fb c%3Aü%25' },
      { values: ['2026-01-03', null], location: 's3a://lake/elsewhere/part one' },
    ])
  })

  test('without partitions it is one place; a partitioned table without any has none', async () => {
    expect((await layoutOf('hive', 'plain'))?.partitions).toEqual([{ values: [], location: 's3a://lake/warehouse/plain' }])
    expect((await layoutOf('spark', 'plain'))?.format).toBe('orc')
    expect((await layoutOf('hive', 'bare'))?.partitions).toEqual([])
  })

  test('a table that is not there is null', async () => {
    expect(await layoutOf('hive', 'absent')).toBeNull()
    expect(await layoutOf('spark', 'absent')).toBeNull()
  })

  test('an answer in other words is an error, not a guess', async () => {
    const script: Script = () => rowsAnswer(['a string', 'b string', 'c string'], [['id', 'int', null]])
    await expect(layoutOf('hive', 'odd', script)).rejects.toMatchObject({ code: 'INTERNAL' })
  })
})

describe('tables whose files are not their rows are refused by name, with the way out', () => {
  const kinds = [
    ['hive', 'acid', /is a full-ACID table \(transactional=true/],
    ['hive', 'inserts', /is an insert-only transactional \(ACID\) table/],
    ['hive', 'seen', /is a view/],
    ['hive', 'summed', /is a materialized view/],
    ['hive', 'lines', /neither ORC nor Parquet .*TextInputFormat/],
    ['hive', 'iceberg', /is a table of Apache Iceberg \(table_type ICEBERG\)/],
    ['hive', 'delta', /is a table of Delta Lake \(spark\.sql\.sources\.provider delta\)/],
    ['hive', 'hudi', /is a table of Apache Hudi/],
    ['spark', 'seen', /is a view/],
    ['spark', 'lines', /neither ORC nor Parquet \(provider csv\)/],
    ['spark', 'delta', /is a table of Delta Lake/],
  ] as const
  for (const [dialect, name, message] of kinds) {
    test(`${name} of ${dialect}`, async () => {
      const refused = expect(layoutOf(dialect, name)).rejects
      await refused.toMatchObject({ code: 'UNSUPPORTED', message: expect.stringMatching(message) })
      await expect(layoutOf(dialect, name)).rejects.toThrow('portage transfer "<connection>:select')
    })
  }

  const DESCRIBE = 'DESCRIBE FORMATTED `fixtures`.`x`'
  const base = [
    ['a', 'int', ''],
    ['', null, null],
    ['# Detailed Table Information', null, null],
    ['Location:           ', 's3a://lake/warehouse/x', null],
    ['Table Type:         ', 'EXTERNAL_TABLE      ', null],
  ] as const
  const parquet = [
    ['SerDe Library:', 'org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe', null],
    ['InputFormat:', 'org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat', null],
  ] as const
  const others = [
    ['Hudi by its input format', [['InputFormat:', 'org.apache.hudi.hadoop.HoodieParquetInputFormat', null]], /Apache Hudi/],
    ['Delta by its input format', [['InputFormat:', 'io.delta.hive.DeltaInputFormat', null]], /Delta Lake/],
    [
      'Iceberg by its storage handler',
      [
        ['Table Parameters:', null, null],
        ['', 'storage_handler     ', 'org.apache.iceberg.mr.hive.HiveIcebergStorageHandler'],
      ],
      /Apache Iceberg \(storage handler/,
    ],
    [
      'any other storage handler',
      [
        ['Table Parameters:', null, null],
        ['', 'storage_handler     ', 'org.apache.hadoop.hive.hbase.HBaseStorageHandler'],
      ],
      /belongs to another system/,
    ],
    [
      'the serde of another format',
      [
        ['SerDe Library:', 'org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe', null],
        ['InputFormat:', 'org.apache.hadoop.hive.ql.io.orc.OrcInputFormat', null],
      ],
      /neither ORC nor Parquet/,
    ],
  ] as const
  for (const [title, rows, message] of others) {
    test(title, async () => {
      const script: Script = (sql) =>
        sql === DESCRIBE ? rowsAnswer(['a string', 'b string', 'c string'], [...base, ...rows]) : undefined
      await expect(layoutOf('hive', 'x', script)).rejects.toMatchObject({
        code: 'UNSUPPORTED',
        message: expect.stringMatching(message),
      })
    })
  }

  test('a partition of another format than the table', async () => {
    const columns = ['a string', 'b string', 'c string']
    const partitioned = [
      ['a', 'int', ''],
      ['', null, null],
      ['# Partition Information', null, null],
      ['p', 'int', ''],
    ] as const
    const orc = [
      ['SerDe Library:', 'org.apache.hadoop.hive.ql.io.orc.OrcSerde', null],
      ['InputFormat:', 'org.apache.hadoop.hive.ql.io.orc.OrcInputFormat', null],
    ] as const
    const script: Script = (sql) => {
      if (sql === DESCRIBE) return rowsAnswer(columns, [...partitioned, ...base.slice(1), ...parquet])
      if (sql.startsWith('SHOW PARTITIONS')) return rowsAnswer(['p string'], [['p=1']])
      return sql.startsWith(DESCRIBE) ? rowsAnswer(columns, [...partitioned, ...base.slice(1), ...orc]) : undefined
    }
    await expect(layoutOf('hive', 'x', script)).rejects.toThrow('partition p=1 is orc, the table is parquet')
    // Dropped between the list and the question for it.
    const gone: Script = (sql) =>
      sql.startsWith(`${DESCRIBE} PARTITION`)
        ? failure('execute', { message: 'SemanticException [Error 10006]: Partition not found', errorCode: 10_006 })
        : script(sql)
    await expect(layoutOf('hive', 'x', gone)).rejects.toMatchObject({
      code: 'CORRUPT',
      message: expect.stringMatching(/partition p=1 was dropped while the table was read\. Run again/),
    })
  })
})

const reject = { policy: 'error', onReject: () => undefined } as const
const query = (sql: string): ReadRequest => ({ from: { kind: 'query', sql }, columns: null, where: null, badValues: reject })

describe('rows through the server', () => {
  const TYPES = ['i int', 'l bigint', 'd decimal(12,2)', 'day date', 'at timestamp', 'b binary', 'f float', 's string']
  const ROWS = [
    [1, 9_007_199_254_740_993n, '12.5', '0001-01-01', '2026-01-02 03:04:05.5', new Uint8Array([1, 255]), 0.5, 'ü'],
    [null, null, null, null, null, null, null, null],
    [-1, -1n, '-3', '9999-12-31', '1969-12-31 23:59:59', new Uint8Array(), -2.25, ''],
  ] as const

  test('are exact, in columns of the types that the server names', async () => {
    const asked: string[] = []
    const tables = await tablesOf('hive', (sql) => {
      asked.push(sql)
      return rowsAnswer(TYPES, sql.includes('LIMIT 0') ? [] : ROWS)
    })
    await using reader = await tables.openReader(query('select * from t'), signal)
    expect(reader.columns.map(({ name, type }) => `${name} ${type.kind}`)).toEqual([
      'i int32',
      'l int64',
      'd decimal',
      'day date',
      'at timestamp',
      'b binary',
      'f float32',
      's utf8',
    ])
    expect(await linesOf(reader)).toEqual([
      '1 | 9007199254740993 | 12.50 | 0001-01-01 | 2026-01-02 03:04:05.500000 | 01ff | 0.5 | ü',
      '␀ | ␀ | ␀ | ␀ | ␀ | ␀ | ␀ | ␀',
      '-1 | -1 | -3.00 | 9999-12-31 | 1969-12-31 23:59:59.000000 |  | -2.25 | ',
    ])
    expect(asked).toEqual(['SELECT * FROM (select * from t\n) portage_rows LIMIT 0', 'select * from t'])
  })

  test('a condition on a table is the engine`s; NULL partitions of Hive are NULL again', async () => {
    const asked: string[] = []
    const tables = await tablesOf(
      'hive',
      describedTables('hive', {
        more: (sql) => {
          asked.push(sql)
          if (sql.startsWith('DESCRIBE')) return undefined
          return rowsAnswer(['country string', 'id bigint'], sql.includes('LIMIT 0') ? [] : [['__HIVE_DEFAULT_PARTITION__', 7n]])
        },
      }),
    )
    const request: ReadRequest = {
      from: { kind: 'table', table: { schema: 'fixtures', name: 'visits' } },
      columns: ['country', 'ID'],
      where: 'id > 5',
      badValues: reject,
    }
    await using reader = await tables.openReader(request, signal)
    expect(await linesOf(reader)).toEqual(['␀ | 7'])
    expect(asked.findLast((sql) => sql.startsWith('SELECT'))).toBe(
      'SELECT `country`, `id` FROM `fixtures`.`visits`\nWHERE (\nid > 5\n)',
    )
    await expect(tables.openReader({ ...request, columns: ['nobody'] }, signal)).rejects.toMatchObject({ code: 'SCHEMA' })
    const table = { schema: 'fixtures', name: 'absent' }
    await expect(tables.openReader({ ...request, from: { kind: 'table', table } }, signal)).rejects.toMatchObject({
      code: 'NOT_FOUND',
    })
  })

  const unfit = [
    ['nanoseconds', 'at timestamp', '2026-01-02 03:04:05.123456789'],
    ['a year beyond four digits', 'at timestamp', '+12026-01-02 03:04:05'],
    ['more digits than the type has', 'd decimal(4,1)', '1.25'],
  ] as const
  for (const [title, column, value] of unfit) {
    test(`${title} are an error that names the column and not the value`, async () => {
      const tables = await tablesOf('hive', (sql) => rowsAnswer([column], sql.includes('LIMIT 0') ? [] : [[value]]))
      await using reader = await tables.openReader(query('select 1'), signal)
      const failed = expect(linesOf(reader)).rejects
      await failed.toMatchObject({ code: 'BAD_VALUE', message: expect.stringContaining(`column "${column.split(' ')[0]}"`) })
      await failed.toMatchObject({ message: expect.not.stringContaining(value) })
    })
  }

  test('nested values and two columns of one name are refused before any row', async () => {
    const nested = await tablesOf('hive', () => rowsAnswer(['tags array', 'm map'], []))
    await expect(nested.openReader(query('select 1'), signal)).rejects.toThrow('"tags" (array), "m" (map)')
    const twice = await tablesOf('hive', () => rowsAnswer(['a int', 'a int'], []))
    await expect(twice.openReader(query('select 1'), signal)).rejects.toThrow('two columns "a"')
  })

  test('writing is refused with the way; lists and descriptions are those of the server', async () => {
    const tables = await tablesOf(
      'spark',
      describedTables('spark', {
        more: (sql) => {
          if (sql === 'SHOW DATABASES') return rowsAnswer(['namespace string'], [['fixtures']])
          return rowsAnswer(['namespace string', 'tableName string', 'isTemporary boolean'], [['fixtures', 'visits', false]])
        },
      }),
    )
    expect(await tables.list(signal)).toEqual([{ schema: 'fixtures', name: 'visits' }])
    const described = await tables.describe({ schema: 'fixtures', name: 'visits' }, signal)
    expect(described?.map(({ name }) => name)).toEqual(['id', 'Name', 'amount', 'tags', 'at', 'wall', 'day', 'country'])
    const write = { table: { schema: 'a', name: 'b' }, columns: [], mode: null, create: true, fillMissing: false }
    await expect(tables.openWriter(write, signal)).rejects.toMatchObject({ code: 'UNSUPPORTED' })
  })
})
