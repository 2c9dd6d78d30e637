import { expect, test } from 'vitest'
import { killRegistrations } from '../../support/hive/killed-registration.ts'
import { startMetastore } from '../../support/hive/metastore/server.ts'

/** One kill of each kind, and each part of a registration once. */
const STRIDE = 13

test('a registration that is killed leaves old rows or new ones, and a repeat leaves nothing else', {
  timeout: 300_000,
}, async () => {
  const start = () => startMetastore()
  const options = { dialect: 'hive', start, lake: 'directory', format: 'parquet', stride: STRIDE } as const
  const { moments, kills } = await killRegistrations(options)
  expect(moments).toBeGreaterThan(50)
  expect(kills).toBe(Math.ceil(moments / STRIDE))
})
