import { Decimal, Field, Int64, List, Schema, Utf8 } from 'apache-arrow'
import { expect, test } from 'vitest'
import { inspectOrc } from '../../integrations/land/orc/inspect.ts'
import { inspectionLines } from '../../orchestration/inspect.ts'
import { rangesOf, writeOrc } from '../support/orc-files.ts'
import { plainBatch } from '../support/plain-values.ts'

test('inspect shows an ORC file as it shows a Parquet file, with stripes for row groups', async () => {
  const schema = new Schema([new Field('id', new Int64(), true), new Field('name', new Utf8(), true)])
  const batch = plainBatch(schema, [
    [1n, 2n, 3n],
    ['a', null, 'a'],
  ])
  const metadata = new Map([['portage.commit', '7']])
  const { bytes } = await writeOrc(schema, [batch], { compression: 'zstd', stripeRows: 2, softwareVersion: '0.1.0', metadata })
  const lines = inspectionLines(await inspectOrc(rangesOf(bytes).read, bytes.length))
  expect(lines[0]).toMatch(/^orc, 3 rows, .*, 2 stripes, written by Portage 0\.1\.0$/)
  expect(lines.find((line) => line.startsWith('id'))).toMatch(/^id\s+int64\s+0\s+1\s+3\s.*ZSTD\s+DIRECT_V2/)
  expect(lines.find((line) => line.startsWith('name'))).toMatch(/^name\s+utf8\s+1\s+a\s+a\s.*ZSTD/)
  const stripes = lines.slice(lines.findIndex((line) => line.startsWith('stripe')))
  expect(stripes[0]).toMatch(/^stripe\s+rows\s+size\s+writer's zone$/)
  expect(stripes.slice(2, 4)).toEqual([expect.stringMatching(/^\s+1\s+2\s.*UTC$/), expect.stringMatching(/^\s+2\s+1\s.*UTC$/)])
  expect(lines.at(-1)).toBe('portage.commit = 7')
})

test('bounds span all stripes, and what is inside of a nested column counts as its own', async () => {
  const schema = new Schema([
    new Field('amount', new Decimal(2, 12, 128), true),
    new Field('tags', new List(new Field('item', new Utf8(), true)), true),
    new Field('tags.size', new Int64(), true),
  ])
  const batch = plainBatch(schema, [
    [-500n, 99_99n, 1_234_56n, null],
    [['x'], null, [], ['y', 'z']],
    [1n, 2n, 3n, 4n],
  ])
  const { bytes } = await writeOrc(schema, [batch], { compression: 'none', stripeRows: 1 })
  const lines = inspectionLines(await inspectOrc(rangesOf(bytes).read, bytes.length))
  expect(lines.find((line) => line.startsWith('amount'))).toMatch(/^amount\s+decimal\(12,2\)\s+1\s+-5\.00\s+1234\.56\s/)
  expect(lines.find((line) => line.startsWith('tags '))).toMatch(/^tags\s+list<utf8>\s+1\s+\d+ B\s+NONE\s/)
  expect(lines.find((line) => line.startsWith('tags.size'))).toMatch(/^tags\.size\s+int64\s+0\s+1\s+4\s/)
})
