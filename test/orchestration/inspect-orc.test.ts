import { Field, Int64, Schema, Utf8 } from 'apache-arrow'
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
  expect(lines.find((line) => line.startsWith('id'))).toMatch(/^id\s+int64\s+0\s.*ZSTD\s+DIRECT_V2/)
  expect(lines.find((line) => line.startsWith('name'))).toMatch(/^name\s+utf8\s+1\s.*ZSTD/)
  expect(lines.at(-1)).toBe('portage.commit = 7')
})
