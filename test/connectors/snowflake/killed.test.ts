import { expect, test } from 'vitest'
import { killRegistrations } from './killed-registration.ts'
import { snowflakeSubject } from './warehouse-subject.ts'

test('a registration killed at every fifth statement and repeated is right, and leaves nothing behind', async () => {
  await using subject = await snowflakeSubject(['K0'])
  expect(await killRegistrations(subject, (statement) => statement % 5 === 2)).toBeGreaterThan(4)
}, 120_000)
