import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { MemoryDatabase } from '../../connectors/memory/database.ts'
import { createMemorySource } from '../../connectors/memory/source.ts'
import { converter } from '../../features/arrow-rows.ts'
import { parseChangeLines } from '../../features/change-lines.ts'
import { openEngine } from '../../features/engine.ts'
import { changeSetFeed } from '../../features/feed.ts'
import { loadState, saveState } from '../../features/state-file.ts'
import { clientLoans } from '../../features/views/client-loans.ts'
import { BOOK_DAY, CLIENTS, loanHistory } from './loan-history.ts'
import { type Line, oracle } from './oracle.ts'
import { portfolio } from './portfolio-view.ts'
import { EDGES, redelivered } from './streams.ts'

const signal = new AbortController().signal

test('what a source streams is what the brute-force evaluator says, at every cut', async () => {
  const database = new MemoryDatabase()
  await using source = createMemorySource({ database, maxSetRows: 2 })
  const { start, tables } = await source.prepare(
    { from: null, identity: null, epoch: 1, takeOver: false },
    signal,
    () => undefined,
  )
  const history = loanHistory(database, 7)
  const engine = openEngine(clientLoans)
  const feed = changeSetFeed(engine)
  history.step()
  let steps = 1
  let uncut = 0
  const flush = { intervalMs: 0, rows: 1, bytes: 1 }
  for await (const set of source.follow({ from: start, known: tables, flush, heartbeatMs: 0 }, signal)) {
    feed(set)
    for (const { release } of set.batches) release()
    if (set.cut === null) {
      uncut++
      continue
    }
    expect(engine.position()).toBe(set.cut)
    for (const client of CLIENTS)
      expect(engine.read(client, BOOK_DAY)).toEqual(oracle(clientLoans, history.lines, client, BOOK_DAY))
    if (steps++ === 150) break
    history.step()
  }
  expect(uncut).toBeGreaterThan(10)
})

describe('the state on disk', () => {
  let directory = ''
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'portage-state-'))
  })
  afterAll(() => rm(directory, { recursive: true, force: true }))

  const events = (lines: readonly Line[]) =>
    parseChangeLines(portfolio, lines.map((line) => JSON.stringify(line)).join('\n'), '').lines.map(({ event }) => event)

  test('goes on after a crash as if there had been none, with what was delivered before it delivered again', async () => {
    const path = join(directory, 'state')
    const property = fc.asyncProperty(redelivered, fc.nat(60), fc.nat(20), async (lines, crash, again) => {
      const before = openEngine(portfolio)
      for (const event of events(lines.slice(0, crash))) if (event) before.apply([event])
      await saveState(before, path)
      const engine = await loadState(portfolio, path)
      if (engine === null) throw new Error('expected an engine')
      expect(engine.position()).toBe(before.position())
      expect(engine.statistics()).toEqual(before.statistics())
      for (const event of events(lines.slice(Math.max(0, crash - again)))) if (event) engine.apply([event])
      for (const entity of ['c1', 'c2']) {
        for (const asOf of EDGES) expect(engine.read(entity, asOf)).toEqual(oracle(portfolio, lines, entity, asOf))
      }
    })
    await fc.assert(property, { numRuns: 40 })
  })

  test('is none when there is no file or the definition is another one, and refused when it is not whole', async () => {
    const path = join(directory, 'other')
    expect(await loadState(portfolio, path)).toBeNull()
    const engine = openEngine(portfolio)
    for (const event of events([{ position: '1', table: 'account', op: 'insert', key: { id: 'a' }, row: { client_id: 'c' } }])) {
      if (event) engine.apply([event])
    }
    await saveState(engine, path)
    expect(await loadState({ ...portfolio, version: 9 }, path)).toBeNull()
    expect((await loadState(portfolio, path))?.read('c', 0).values.accounts).toBe(1)
    const text = await readFile(path, 'utf8')
    await writeFile(path, text.split('\n').slice(0, 1).concat(text.split('\n').slice(2)).join('\n'))
    await expect(loadState(portfolio, path)).rejects.toMatchObject({ code: 'CORRUPT' })
    await writeFile(path, text.slice(0, -8))
    await expect(loadState(portfolio, path)).rejects.toMatchObject({ code: 'CORRUPT' })
  })
})

describe('values of the lake', () => {
  const eur = { kind: 'money', currency: 'EUR', scale: 2 } as const
  const utc = { kind: 'instant', zone: 'UTC' } as const

  test('become what the definition says, exactly', () => {
    const of = (type: string, wanted: Parameters<typeof converter>[2], value: Parameters<ReturnType<typeof converter>>[0]) =>
      converter('t.c', type, wanted)(value)
    expect(of('decimal(12,2)', eur, 12345n)).toBe(12345)
    expect(of('decimal(12,1)', eur, 12345n)).toBe(123450)
    expect(of('decimal(38,4)', eur, -12345600n)).toBe(-123456)
    expect(of('decimal(38,2)', eur, 2n ** 60n)).toBe(2n ** 60n)
    expect(of('int32', eur, 7)).toBe(700)
    expect(of('utf8', eur, '7.1')).toBe(710)
    expect(of('int64', { kind: 'id' }, 2n ** 63n - 1n)).toBe('9223372036854775807')
    expect(of('decimal(20,0)', { kind: 'id' }, 5n)).toBe(5)
    expect(of('timestamp(us,UTC)', utc, -1n)).toBe(-1)
    expect(of('timestamp(us,UTC)', utc, 1_999n)).toBe(1)
    expect(of('timestamp(us)', { kind: 'instant', zone: '+02:00' }, 0n)).toBe(-7_200_000)
    expect(of('date', utc, 2)).toBe(172_800_000)
  })

  test.each([
    ['float64', eur],
    ['date', eur],
    ['decimal(9,2)', { kind: 'id' }],
    ['int64', utc],
    ['int16', { kind: 'text' }],
    ['utf8', { kind: 'boolean' }],
  ] as const)('of type %s are refused as %o', (type, wanted) => {
    expect(() => converter('t.c', type, wanted)).toThrow(`Column "t.c" is ${type}; the feature view takes it as ${wanted.kind}`)
  })

  test('with more decimals than the currency are refused', () => {
    expect(() => converter('t.c', 'decimal(12,3)', eur)(1235n)).toThrow('Column "t.c": expected at most 2 decimals, found more')
  })
})
