import { expect, test } from 'vitest'
import { killRegistrations } from '../connectors/snowflake/killed-registration.ts'
import { snowflakeSubject } from '../connectors/snowflake/warehouse-subject.ts'

test('a registration in Snowflake killed at every statement and repeated is right, and leaves nothing behind', async () => {
  await using subject = await snowflakeSubject(['K0'])
  expect(await killRegistrations(subject, () => true)).toBeGreaterThan(20)
}, 900_000)
