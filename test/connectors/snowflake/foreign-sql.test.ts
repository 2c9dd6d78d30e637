/** External tables over files that others wrote: the statements, from nothing to a table, along its changes, and what is refused. */
import { expect, test } from 'vitest'
import type { LogicalType } from '../../../connectors/logical-type.ts'
import type { ForeignColumn, ForeignFile, ForeignTable } from '../../../connectors/manifest.ts'
import { type LinkedTable, type LinkPlan, type LinkTarget, linkPlan } from '../../../connectors/snowflake/foreign/foreign-plan.ts'

const TARGET: LinkTarget = {
  name: { database: 'DB', schema: 'RAW', name: 'VISITS' },
  stage: { name: '"DB"."RAW"."LAKE"', url: 's3://bucket/' },
  format: '"DB"."RAW"."ORC"',
  replace: false,
}

const column = (name: string, type: LogicalType | null, sourceType = ''): ForeignColumn => {
  return { name, sourceType, type, shape: type === null ? null : { kind: 'value', type } }
}
const INT: LogicalType = { kind: 'int64' }
const TEXT: LogicalType = { kind: 'utf8', format: 'text' }

const COLUMNS: readonly ForeignColumn[] = [
  column('id', INT),
  column('flag', { kind: 'bool' }),
  column('small', { kind: 'int16' }),
  column('amount', { kind: 'decimal', precision: 12, scale: 2 }),
  column('share', { kind: 'decimal', precision: 38, scale: 38 }),
  column('ratio', { kind: 'float32' }),
  column('label', TEXT),
  column('bytes', { kind: 'binary' }),
  column('day', { kind: 'date' }),
  column('seen', { kind: 'timestamp', utc: false }),
  column('tags', null, 'array<string>'),
]

const file = (key: string, more: Partial<ForeignFile> = {}): ForeignFile => ({
  address: `s3://bucket/visits/${key}`,
  size: 100,
  modified: new Date(0),
  rows: 10,
  matchedBy: 'name',
  ...more,
})

const flat = (files: readonly ForeignFile[], more: Partial<ForeignTable> = {}): ForeignTable => ({
  subject: 'Table "raw.visits" of connection "hive"',
  owner: 'hive',
  format: 'orc',
  location: 's3a://bucket/visits',
  columns: COLUMNS,
  partitionColumns: [],
  partitions: [{ values: [], location: 's3a://bucket/visits', files }],
  matching: { orc: 'name', parquet: 'name' },
  ...more,
})

const BY_DAY = [column('dt', { kind: 'date' }), column('hour', { kind: 'int32' })]

const partitioned = (parts: readonly (readonly [string, readonly (string | null)[], readonly ForeignFile[]])[]): ForeignTable =>
  flat([], {
    columns: COLUMNS.slice(0, 2),
    partitionColumns: BY_DAY,
    partitions: parts.map(([location, values, files]) => ({ location: `s3a://bucket/visits/${location}`, values, files })),
  })

/** As Snowflake shows it once the plan was run. */
const shown = (table: ForeignTable, plan: LinkPlan): LinkedTable => {
  const create = plan.statements.find((sql) => sql.startsWith('CREATE')) ?? ''
  const note: unknown = JSON.parse((/COMMENT = '(.*)'$/s.exec(create)?.[1] ?? '').replaceAll("''", "'").replaceAll('\\\\', '\\'))
  const sizes = new Map(
    table.partitions.flatMap(({ files }) => files.map(({ address, size }) => [address.slice('s3://bucket/'.length), size])),
  )
  return {
    note: note as LinkedTable['note'],
    columns: [...table.partitionColumns, ...table.columns].map(({ name }) => name.toUpperCase()),
    files: [...plan.files.keys()].map((path) => ({ path, size: sizes.get(path) ?? 0 })),
  }
}

const DAY1 = ['dt=2026-01-01/hour=1', ['2026-01-01', '1'], [file('dt=2026-01-01/hour=1/000000_0')]] as const
const ODD = [
  'dt=2026-01-02/hour=__HIVE_DEFAULT_PARTITION__',
  ["it's \\ é", null],
  [file('elsewhere/HIVE_UNION_SUBDIR_1/000000_0')],
] as const

test('the statements are those that were looked at', async () => {
  const first = flat([file('000000_0'), file("odd'name")])
  const plan = linkPlan(first, TARGET, null)
  const second = flat([file('000000_0', { size: 7 }), file('000001_0')], {
    columns: [...COLUMNS.slice(1, 3), column('amount', { kind: 'decimal', precision: 14, scale: 2 }), column('fresh', TEXT)],
  })
  const mixed = flat([file('a', { matchedBy: 'position' }), file('b'), file('c', { names: ['ID', null] })], {
    columns: COLUMNS.slice(0, 2),
  })
  const parts = partitioned([DAY1, [ODD[0], ODD[1], [file(`${ODD[0]}/HIVE_UNION_SUBDIR_1/000000_0`)]]])
  const partPlan = linkPlan(parts, TARGET, null)
  const later = partitioned([
    [DAY1[0], DAY1[1], [...DAY1[2], file(`${DAY1[0]}/000001_0`)]],
    ['dt=2026-01-03/hour=0', ['2026-01-03', '0'], [file('dt=2026-01-03/hour=0/x')]],
  ])
  const text = [
    ['-- a table without partitions', plan],
    [
      '-- the same, with a file written again, one gone, one new, and other columns',
      linkPlan(second, TARGET, shown(first, plan)),
    ],
    ['-- files whose columns have other names, or none', linkPlan(mixed, TARGET, null)],
    ['-- partitions', partPlan],
    ['-- the same, with a file more, a partition gone and one new', linkPlan(later, TARGET, shown(parts, partPlan))],
  ] as const
  const shownText = text
    .map(([title, { statements }]) => `${title}\n\n${statements.map((sql) => `${sql};`).join('\n\n')}\n`)
    .join('\n')
  await expect(shownText).toMatchFileSnapshot('../../golden/snowflake/foreign.sql')
})

test('what is as it was takes no statement', () => {
  for (const table of [flat([file('000000_0')]), partitioned([DAY1])]) {
    const plan = linkPlan(table, TARGET, null)
    expect(linkPlan(table, TARGET, shown(table, plan)).statements).toEqual([])
  }
})

test('ten thousand files take ten statements, new ones before old ones, in one transaction', () => {
  const files = Array.from({ length: 10_000 }, (_, index) => file(`part-${index}`))
  const before = flat([file('old')])
  const { statements, transaction, added, removed } = linkPlan(flat(files), TARGET, shown(before, linkPlan(before, TARGET, null)))
  expect(statements.map((sql) => / (ADD|REMOVE) FILES /.exec(sql)?.[1])).toEqual([
    ...Array.from({ length: 10 }, () => 'ADD'),
    'REMOVE',
  ])
  expect(transaction).toEqual(statements)
  expect([added.size, removed]).toEqual([10_000, ['visits/old']])
})

test('transactional and versioned tables are refused by path and by columns', () => {
  const refused = (table: ForeignTable, words: string) => expect(() => linkPlan(table, TARGET, null)).toThrow(words)
  refused(flat([file('base_0000005/bucket_00000')]), 'is transactional ("s3://bucket/visits/base_0000005/bucket_00000")')
  refused(flat([file('delta_0000001_0000001_0000/bucket_00000')]), 'is transactional')
  refused(flat([file('delete_delta_0000002_0000002/bucket_00000')]), 'is transactional')
  const acid = ['operation', 'originalTransaction', 'bucket', 'rowId', 'currentTransaction', 'row']
  refused(flat([file('x')], { columns: acid.map((name) => column(name, INT)) }), 'the six columns')
  refused(flat([file('x', { names: acid })]), 'the six columns')
  refused(flat([file('.hoodie/x')]), 'a table of Hudi')
  refused(flat([file('_delta_log/0.json')]), 'a table of Delta Lake')
  refused(flat([file('metadata/1.metadata.json')]), 'a table of Iceberg')
})

test('what only replacing would do needs consent, and says what goes with it', () => {
  const table = flat([file('x')])
  const now = shown(table, linkPlan(table, TARGET, null))
  const orc = { ...TARGET, format: '"DB"."RAW"."PARQUET"' }
  const parquet = flat([file('x')], { format: 'parquet' })
  expect(() => linkPlan(parquet, orc, now)).toThrow(
    'shows orc files, which are parquet now: it must be dropped and made again. Run it with --replace',
  )
  expect(() => linkPlan(partitioned([DAY1]), TARGET, now)).toThrow('has other partition columns')
  expect(() => linkPlan(table, TARGET, { ...now, note: null })).toThrow('exists already, and no link made it')
  expect(linkPlan(parquet, { ...orc, replace: true }, now).statements[0]).toBe(
    'DROP EXTERNAL TABLE IF EXISTS "DB"."RAW"."VISITS"',
  )
})

test('files that a stage does not show, and names that mean two columns, are refused', () => {
  const other = flat([{ ...file('x'), address: 's3://other/x' }])
  expect(() => linkPlan(other, TARGET, null)).toThrow('which the stage over s3://bucket/ does not show')
  const swapped = flat([file('x'), file('y', { names: ['flag', 'id'] })], { columns: COLUMNS.slice(0, 2) })
  expect(() => linkPlan(swapped, TARGET, null)).toThrow('its files name both "flag" and "id"')
  const parquet = flat([file('x', { matchedBy: 'position' })], { format: 'parquet' })
  expect(() => linkPlan(parquet, TARGET, null)).toThrow('matched by position, and Snowflake finds those of Parquet by name')
})
