import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import { portage } from '../support/command-line.ts'
import { python } from '../support/python.ts'
import { scratch } from '../support/scratch.ts'

const place = scratch({ 'config/connections.yaml': 'lake: {connector: memory}\n' })
beforeAll(async () => {
  await python(join(import.meta.dirname, 'transfer', 'write_foreign.py'), [place.dir])
  return () => place[Symbol.dispose]()
})

const toCsv = (name: string, ...options: readonly string[]) =>
  portage([
    ...['transfer', `file:${place.path(`${name}.parquet`)}`, `file:${place.path('out.csv')}`, ...options],
    ...['--config', place.path('config'), '--state', place.path('state')],
  ])

const LINE = [
  ...['-128', '255', '4294967295', '18446744073709551615', '1.5', '2025-01-01T01:02:03.004000', '2025-01-01T01:02:03.004567'],
  ...['2025-01-01T01:02:03.004567Z', '2025-01-01T01:02:03.004567Z', '0001-01-01', '01:02:03.000004', '-1.10', '00ff', '"ü,\n"'],
  ...['"[1,null]"', '"{""a"":1,""b"":""x""}"', 'true'],
].join(',')

test.each(['none', 'snappy', 'gzip', 'zstd'])('every type that pyarrow writes arrives exactly, packed with %s', async (codec) => {
  expect(await toCsv(codec)).toMatchObject({ code: 0 })
  const [header, ...rows] = readFileSync(place.path('out.csv'), 'utf8').split(/\n(?=[-,])/)
  expect(header?.split(',')).toHaveLength(17)
  expect(rows).toEqual([LINE, `${','.repeat(16)}\n`])
})

test.each(['lz4', 'brotli'])('of files packed with %s the columns that need no second look', async (codec) => {
  expect(await toCsv(codec, '--columns', 'i8,word,utc')).toMatchObject({ code: 0 })
  expect(await toCsv(codec)).toMatchObject({ code: 1, stderr: expect.stringContaining('column "utc_ns" counts nanoseconds') })
})

test.each(['v2', 'int96'])('pages of version 2, and timestamps of 96 bits: %s', async (name) => {
  expect(await toCsv(name)).toMatchObject({ code: 0 })
  expect(readFileSync(place.path('out.csv'), 'utf8')).toBe('ns\n2025-01-01T01:02:03.004567\n\n')
})

test.each(['fine', 'fine_utc', 'fine_int96'])('nanoseconds are refused, not cut off: %s', async (name) => {
  const { code, stderr } = await toCsv(name)
  expect([code, stderr]).toEqual([1, expect.stringContaining('column "a": a timestamp has nanoseconds')])
})

test.each([
  ['wide_decimal', 'is a decimal of 60 digits'],
  ['wide_nested', 'is a decimal of 60 digits'],
  ['fine_time', 'is a time of day in nanoseconds'],
])('what would lose digits is refused by its type, and may be left out: %s', async (name, problem) => {
  const { code, stderr } = await toCsv(name)
  expect([code, stderr]).toEqual([1, expect.stringContaining(`column "a" ${problem}`)])
  expect(await toCsv(name, '--dry-run')).toMatchObject({ code: 1 })
  expect(await toCsv(name, '--columns', 'id')).toMatchObject({ code: 0 })
})
