/** Values of partition columns of other systems' tables: from the catalogue, typed, exact or refused. */
import { expect, test } from 'vitest'
import type { Value } from '../../../connectors/column-values.ts'
import type { ForeignLayout } from '../../../connectors/manifest.ts'
import { openForeignReader } from '../../../integrations/transfer/foreign/foreign-reader.ts'
import { batchOf } from '../../contracts/table-rows.ts'
import { foreignLayout, found } from '../../support/foreign-tables.ts'
import { writeParquet } from '../../support/parquet-files.ts'
import { linesOf } from '../../support/table-rows.ts'

const INT = { kind: 'int32' } as const

/** A file of one column `a`. */
async function fileOf(...rows: readonly (readonly Value[])[]): Promise<Uint8Array> {
  const batch = batchOf(rows, [{ name: 'a', type: INT, sourceType: 'int', nullable: true }])
  return (await writeParquet(batch.schema, [batch])).bytes
}

async function read(
  layout: ForeignLayout,
  files: Readonly<Record<string, Uint8Array>>,
  columns: readonly string[] | null = null,
): Promise<readonly string[]> {
  await using reader = openForeignReader(await found(layout, files), columns)
  return await linesOf(reader)
}

test('of partitions come from the catalogue, typed; those that are none of the type are refused', async () => {
  const file = await fileOf([1])
  const columns = ['i int', 'b bigint', 'd decimal(10,2)', 'day date', 'at timestamp', 'ok boolean', 'c char(4)', 's string']
  const place = (values: readonly (string | null)[], key: string) => ({ values, location: `s3a://lake/t/${key}` })
  const partitions = [
    place(['5', '9007199254740993', '3.1', '2026-01-02', '2026-01-01 10:11:12.5', 'true', 'ab', 'a/b ü'], 'p'),
    place([null, null, null, null, null, null, null, null], 'q'),
  ]
  const layout = foreignLayout(['a int'], { partitionColumns: columns, partitions })
  expect(await read(layout, { 'p/x': file, 'q/x': file })).toEqual([
    '1 | 5 | 9007199254740993 | 3.10 | 2026-01-02 | 2026-01-01 10:11:12.500000 | t | ab   | a/b ü',
    '1 | ␀ | ␀ | ␀ | ␀ | ␀ | ␀ | ␀ | ␀',
  ])
  const odd = foreignLayout(['a int'], { partitionColumns: ['i int', 'day date'], partitions: [place(['x', 'monday'], 'p')] })
  await expect(read(odd, { 'p/x': file })).rejects.toThrow(/partition column "i" is int.*partition column "day" is date/)
  expect(await read(odd, { 'p/x': file }, ['a'])).toEqual(['1'])
})

const STRAY = [
  ['tinyint', '40000'],
  ['smallint', '-32769'],
  ['int', '2147483648'],
  ['bigint', '9223372036854775808'],
  ['bigint', '1e3'],
  ['decimal(4,2)', '100.00'],
  ['decimal(4,2)', '1.234'],
  ['date', '2026-02-31'],
  ['date', '2026-13-01'],
  ['timestamp', '2026-01-01 25:61:00'],
  ['boolean', 'perhaps'],
] as const
test.each(STRAY)('a partition of %s that is named %s is refused: no number or day is made of it', async (type, value) => {
  const layout = (text: string) =>
    foreignLayout(['a int'], { partitionColumns: [`p ${type}`], partitions: [{ values: [text], location: 's3a://lake/t/p' }] })
  const files = { 'p/x': await fileOf([1]) }
  await expect(read(layout(value), files)).rejects.toMatchObject({
    code: 'SCHEMA',
    message: expect.stringMatching(/partition column "p" is .* and 1 of its values are none.*--columns/),
  })
})

test('of partitions at the ends of their types are exact', async () => {
  const columns = ['s smallint', 'i int', 'b bigint', 'd decimal(4,2)', 'z decimal(2,2)', 'day date']
  const values = ['-32768', '-2147483648', '9223372036854775807', '-0099.99', '0.25', '0001-01-01']
  const partitions = [{ values, location: 's3a://lake/t/p' }]
  const layout = foreignLayout(['a int'], { partitionColumns: columns, partitions })
  expect(await read(layout, { 'p/x': await fileOf([1]) })).toEqual([
    '1 | -32768 | -2147483648 | 9223372036854775807 | -99.99 | 0.25 | 0001-01-01',
  ])
})
