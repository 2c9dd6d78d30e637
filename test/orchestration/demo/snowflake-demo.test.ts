import { expect, test } from 'vitest'
import { portage } from '../../support/command-line.ts'

test('Snowflake reads lakes in buckets', async () => {
  const { code, stderr } = await portage(['demo', '--snowflake'])
  expect(code).toBe(2)
  expect(stderr).toContain('--snowflake goes with --s3')
})
