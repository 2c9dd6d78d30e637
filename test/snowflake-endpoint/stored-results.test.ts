/** Results as they are kept: whatever the rows and the limits are, each row is there once and in order. */
import { gunzipSync } from 'node:zlib'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { ResultColumn, SessionState, WireValue } from '../support/snowflake/engine.ts'
import { resultBody, storeResult } from '../support/snowflake/results.ts'

const COLUMN: ResultColumn = {
  name: 'T',
  type: 'text',
  nullable: true,
  precision: null,
  scale: null,
  length: 100,
  byteLength: 400,
}
const STATE: SessionState = { database: null, schema: null, warehouse: null, role: 'R', parameters: new Map() }

test('the first part and the chunks are the rows, each part within its limit or of one row', async () => {
  const text = fc.oneof(fc.string({ unit: 'binary', maxLength: 40 }), fc.constant('"rowset":[]'), fc.constant('$&'))
  const value: fc.Arbitrary<WireValue> = fc.option(text)
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(fc.tuple(value, value), { maxLength: 20 }), { maxLength: 5 }),
      fc.integer({ min: 1, max: 300 }),
      fc.integer({ min: 1, max: 300 }),
      async (batches, inlineBytes, chunkBytes) => {
        const result = await storeResult(
          {
            columns: [COLUMN, { ...COLUMN, name: 'U' }],
            rows: (async function* () {
              yield* batches
            })(),
            statementType: 0x1000,
          },
          { queryId: 'q', state: () => STATE, limits: { inlineBytes, chunkBytes, chunkUrlSeconds: 1 } },
        )
        const { data } = JSON.parse(resultBody(result, String).toString()) as {
          data: { rowset: unknown[]; total: number; chunks?: { rowCount: number; uncompressedSize: number }[] }
        }
        const chunks = result.chunks.map(({ packed }) => JSON.parse(`[${gunzipSync(packed).toString()}]`) as unknown[])
        expect([...data.rowset, ...chunks.flat()]).toEqual(batches.flat())
        expect(data.total).toBe(batches.flat().length)
        expect((data.chunks ?? []).map(({ rowCount }) => rowCount)).toEqual(chunks.map(({ length }) => length))
        expect(data.rowset.length > 0 || chunks.length === 0).toBe(true)
        for (const [index, rows] of chunks.entries()) {
          expect(rows.length === 1 || JSON.stringify(rows).length - 2 <= chunkBytes + rows.length).toBe(true)
          expect(data.chunks?.[index]?.uncompressedSize).toBe(gunzipSync(result.chunks[index]?.packed ?? '').length)
        }
      },
    ),
    { numRuns: 60 },
  )
})
