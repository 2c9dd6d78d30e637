import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { integrationJsonSchema } from '../../config/json-schema.ts'

test('the committed JSON Schema is the one that the code generates ("npm run schema" renews it)', () => {
  const committed = readFileSync(new URL('../../config/integration.schema.json', import.meta.url), 'utf8')
  expect(committed).toBe(integrationJsonSchema())
})
