import { zstdDecompressSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { compressorOf } from '../../../../integrations/land/parquet/compression.ts'

const PAGE_BYTES = 200_000

test('large pages come back whole from other threads, more than these take at once, though their memory is used again', async () => {
  const { compress } = compressorOf('zstd')
  const page = new Uint8Array(PAGE_BYTES)
  const bodies = Array.from({ length: 12 }, (_, number) => {
    for (let i = 0; i < PAGE_BYTES; i++) page[i] = (i >> (number % 5)) ^ number
    const expected = page.slice()
    return { expected, body: compress(page) }
  })
  page.fill(0)
  const elsewhere = bodies.filter(({ body }) => body instanceof Promise)
  expect(elsewhere).toHaveLength(2)
  for (const { expected, body } of bodies) expect(zstdDecompressSync(await body)).toEqual(Buffer.from(expected))
  expect(compress(page)).toBeInstanceOf(Promise)
})

test('a page is compressed to the same bytes in every thread', async () => {
  const { compress } = compressorOf('zstd')
  const page = Uint8Array.from({ length: PAGE_BYTES }, (_, i) => (i * i) >> 3)
  const [first, second, third] = await Promise.all([compress(page), compress(page), compress(page)])
  expect([second, third]).toEqual([first, first])
})
