/** `portage link` of a Hive table: its catalogue from a fake server, its files in the bucket, its rows in Snowflake. */
import { PutObjectCommand, S3Client } from '@aws-sdk/client-s3'
import { expect, test } from 'vitest'
import { stringify } from 'yaml'
import type { LogicalType } from '../../../connectors/logical-type.ts'
import { batchOf } from '../../contracts/table-rows.ts'
import { portage } from '../../support/command-line.ts'
import { describedTables } from '../../support/hive/described.ts'
import { startFakeHive } from '../../support/hive/server.ts'
import { writeOrc } from '../../support/orc-files.ts'
import { scratch } from '../../support/scratch.ts'
import { openTestAccount } from '../../support/snowflake-account.ts'

const column = (name: string, type: LogicalType) => ({ name, type, sourceType: '', nullable: true })
const COLUMNS = [
  column('_col0', { kind: 'int64' }),
  column('_col1', { kind: 'utf8', format: 'text' }),
  column('_col2', { kind: 'decimal', precision: 12, scale: 2 }),
]

test('partitions anywhere, names that are encoded, columns by position, the default partition', async () => {
  await using account = await openTestAccount()
  const root = account.store.address('').replace('s3://', 's3a://')
  await using hive = await startFakeHive({
    script: describedTables('hive', { rewrite: (text) => text.replace('s3a://lake/', root) }),
  })
  using place = scratch({
    'config/connections.yaml': stringify({
      hive: { connector: 'hive', host: '127.0.0.1', port: hive.port },
      snow: { connector: 'snowflake', ...account.connection },
      files: { connector: 's3', ...account.lake },
    }),
  })
  const {
    bucket,
    endpoint,
    access_key_id: id,
    secret_access_key: secret,
    region = 'us-east-1',
  } = account.lake as Record<string, string>
  const credentials =
    id === undefined || secret === undefined ? {} : { credentials: { accessKeyId: id, secretAccessKey: secret } }
  const local = endpoint === undefined ? {} : { endpoint, forcePathStyle: true }
  const client = new S3Client({ region, ...local, ...credentials })
  const put = async (key: string, number: bigint): Promise<void> => {
    const batch = batchOf([[number, `n${number}`, number * 100n]], COLUMNS)
    const Body = (await writeOrc(batch.schema, [batch])).bytes
    // Names that keys of ours never have.
    const Key = account.store.address(key).slice(`s3://${bucket}/`.length)
    await client.send(new PutObjectCommand({ Bucket: bucket, Key, Body }))
  }
  await put('warehouse/visits/day=2026-01-02/country=a%2Fb c%3Aü%25/000000_0', 1n)
  await put('elsewhere/part_one/HIVE_UNION_SUBDIR_1/000000_0', 2n)
  await put('warehouse/visits/day=2026-02-02/country=it%27s/000000_0', 3n)
  client.destroy()
  const link = () =>
    portage([
      'link',
      'hive:fixtures.visits',
      `snow:${account.schema}.visits`,
      '--config',
      place.path('config'),
      '--state',
      place.path('state'),
    ])
  const first = await link()
  expect(first.code, first.stderr).toBe(0)
  const rows = await account.rows(`SELECT * EXCLUDE (VALUE) FROM ${account.schema}.visits ORDER BY day, country`)
  expect(rows.map((row) => row.map((cell) => cell ?? '␀').join(' | '))).toMatchInlineSnapshot(`
    [
      "2026-01-02 | a/b c:ü% | 1 | n1 | 1.00 | ␀ | ␀ | ␀",
      "2026-01-03 | ␀ | 2 | n2 | 2.00 | ␀ | ␀ | ␀",
      "2026-02-02 | it's | 3 | n3 | 3.00 | ␀ | ␀ | ␀",
    ]
  `)
  expect((await link()).stdout).toContain('up to date')
})
