import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { TableName } from '../../../connectors/change.ts'
import { ConnectorError } from '../../../connectors/errors.ts'
import { openMemoryStore } from '../../../connectors/memory/store.ts'
import { decodeCommit, encodeCommit } from '../../../integrations/land/log/encode.ts'
import { EMPTY_STATE } from '../../../integrations/land/log/fold.ts'
import { baseKey, changesKey, commitKey, nameSegment, originOf, rejectsKey } from '../../../integrations/land/log/keys.ts'
import { LIVE_LIST_EVERY } from '../../../integrations/land/log/log.ts'
import { loadState } from '../../../integrations/land/log/read.ts'
import { faultyStore } from '../../support/faulty-store.ts'
import { at, entry, LAKE, LOAN, loanSchema, NEVER, openTestLog, quietEnvironment } from '../../support/lake.ts'

const memory = () => openMemoryStore({ now: () => new Date(0) })

async function keysUnder(store: ReturnType<typeof memory>, prefix: string): Promise<string[]> {
  const keys: string[] = []
  for await (const { key } of store.list(prefix)) keys.push(key)
  return keys
}

describe('commit log', () => {
  test('a new log is empty, and what is appended is read back by anyone', async () => {
    const store = memory()
    const log = await openTestLog(store)
    expect(log.state()).toEqual(EMPTY_STATE)
    await log.claim(NEVER)
    await log.append(() => ({ kind: 'schema', tables: { [LOAN]: { schema: loanSchema() } } }), NEVER)
    const added = [entry(log, 'changes', 1)]
    const commit = await log.append(
      () => ({ kind: 'changes', position: at(5), tables: { [LOAN]: { added } }, changes: 1, transactions: 1 }),
      NEVER,
    )
    expect(commit).toMatchObject({ number: 3, previous: null, position: at(5), writer: log.writer })
    expect(await loadState(store, LAKE, { signal: NEVER })).toEqual(log.state())
    expect(await keysUnder(store, '')).toEqual(
      [1, 2, 3].map((number) => `raw/_portage/loans/log/0000000000000000000${number}.json`),
    )
  })

  test('equal commits have equal bytes, whatever the order of their keys, and decode to themselves', async () => {
    const store = memory()
    const log = await openTestLog(store)
    const commit = await log.claim(NEVER)
    const shuffled = Object.fromEntries(Object.entries(commit).reverse()) as typeof commit
    expect(encodeCommit(shuffled)).toEqual(encodeCommit(commit))
    expect(decodeCommit('k', encodeCommit(commit))).toEqual(commit)
  })

  test('a thousand commits later a start reads a live list and the commits after it only', async () => {
    const store = memory()
    const log = await openTestLog(store)
    await log.claim(NEVER)
    await log.append(() => ({ kind: 'schema', tables: { [LOAN]: { schema: loanSchema() } } }), NEVER)
    for (let number = 3; number <= 1_050; number++) {
      await log.append(
        (state) => ({
          kind: 'changes',
          position: at(state.number),
          tables: { [LOAN]: { added: [entry(log, 'changes', number)] } },
        }),
        NEVER,
      )
    }
    const counted = faultyStore(store, () => null)
    const again = await openTestLog(counted)
    expect(again.state()).toEqual(log.state())
    expect(counted.calls.filter(({ operation }) => operation === 'get').length).toBeLessThanOrEqual(51)
    expect(counted.calls.length).toBeLessThan(60)
    expect((await keysUnder(store, 'raw/_portage/loans/live/')).length).toBe(1_050 / LIVE_LIST_EVERY - 0.5)
    expect(await again.readAt(777, NEVER)).toMatchObject({ number: 777, position: at(776) })
    expect((await again.readAt(777, NEVER)).tables[LOAN]?.changes).toHaveLength(775)
    expect(await again.readAt(2, NEVER)).toMatchObject({ number: 2, position: null })
    await expect(again.readAt(1_051, NEVER)).rejects.toThrow(
      'Commit 1051 of integration "loans" does not exist; the newest is 1050',
    )
  })

  test('appends asked for at once are made one after the other, each on the newest state', async () => {
    const log = await openTestLog(memory())
    await log.claim(NEVER)
    const seen: number[] = []
    await Promise.all(
      Array.from({ length: 20 }, () =>
        log.append((state) => {
          seen.push(state.number)
          return { kind: 'heartbeat', position: at(state.number) }
        }, NEVER),
      ),
    )
    expect(seen).toEqual(Array.from({ length: 20 }, (_, index) => index + 1))
  })

  test('a run must claim before it writes or sweeps', async () => {
    const log = await openTestLog(memory())
    await expect(log.append(() => ({ kind: 'heartbeat' }), NEVER)).rejects.toMatchObject({ code: 'INTERNAL' })
    await expect(log.sweep(NEVER)).rejects.toMatchObject({ code: 'INTERNAL' })
  })

  test('a draft that breaks a rule of the log is refused before anything is written', async () => {
    const store = memory()
    const log = await openTestLog(store)
    await log.claim(NEVER)
    const bad = log.append(() => ({ kind: 'changes', tables: { [LOAN]: { added: [entry(log, 'changes', 1)] } } }), NEVER)
    await expect(bad).rejects.toMatchObject({ code: 'INTERNAL', message: expect.stringContaining('has no schema yet') })
    const error = new Error('inputs are gone')
    const thrown = log.append(() => {
      throw error
    }, NEVER)
    await expect(thrown).rejects.toBe(error)
    await log.append(() => ({ kind: 'heartbeat', position: at(1) }), NEVER)
    expect(await keysUnder(store, '')).toHaveLength(2)
  })

  test('an aborted append writes nothing and the log goes on', async () => {
    const log = await openTestLog(memory())
    await log.claim(NEVER)
    await expect(log.append(() => ({ kind: 'heartbeat' }), AbortSignal.abort())).rejects.toThrow()
    expect(await log.append(() => ({ kind: 'heartbeat' }), NEVER)).toMatchObject({ number: 2 })
  })

  test('a missing, foreign or damaged commit is named', async () => {
    const store = memory()
    const log = await openTestLog(store)
    await log.claim(NEVER)
    await log.append(() => ({ kind: 'heartbeat', position: at(1) }), NEVER)
    await log.append(() => ({ kind: 'heartbeat', position: at(2) }), NEVER)
    const second = await store.get(commitKey(LAKE, 2))
    const replace = async (bytes: Uint8Array) => {
      await store.delete([commitKey(LAKE, 2)])
      await store.putIfAbsent(commitKey(LAKE, 2), bytes)
      return openTestLog(store).then(
        () => 'opened',
        (error: unknown) => (error instanceof ConnectorError ? `${error.code} ${error.message}` : 'other'),
      )
    }
    const text = new TextDecoder().decode(second ?? new Uint8Array())
    const bytes = (changed: string) => new TextEncoder().encode(changed)
    expect(await replace(bytes(text.slice(0, 40)))).toMatch(/^CORRUPT Commit ".*02.json" is not JSON \(40 bytes\)/)
    expect(await replace(bytes(text.replace('"heartbeat"', '"magic"')))).toMatch(
      /^CORRUPT Commit ".*02.json" cannot be read at kind/,
    )
    expect(await replace(bytes(text.replace('"number":2', '"number":7')))).toMatch(/^CORRUPT Commit ".*02.json" holds commit 7/)
    expect(await replace(bytes(text.replace('"loans"', '"other"')))).toMatch(/holds commit 2 of integration "other"/)
    expect(await replace(bytes(text.replace('"minReader":1', '"minReader":2')))).toMatch(
      /^PROTOCOL .*needs reader protocol 2.*Install a newer Portage/,
    )
    expect(await replace(bytes(text.replace('"counts":', '"later":{"x":1},"counts":')))).toBe('opened')
    await store.delete([commitKey(LAKE, 2)])
    await expect(openTestLog(store)).rejects.toThrow('Commit 2 of integration "loans" is missing although 3 exists')
  })

  test('a log that asks for a newer writer is read but not written', async () => {
    const store = memory()
    const log = await openTestLog(store)
    const commit = await log.claim(NEVER)
    await store.delete([commitKey(LAKE, 1)])
    await store.putIfAbsent(commitKey(LAKE, 1), encodeCommit({ ...commit, protocol: { minReader: 1, minWriter: 2 } }))
    const later = await openTestLog(store)
    expect(later.state().number).toBe(1)
    await expect(later.claim(NEVER)).rejects.toMatchObject({ code: 'PROTOCOL' })
  })
})

describe('keys of the lake', () => {
  const origin = { commit: 42, writer: 'r0123456789ab', part: 7, extension: 'parquet' }

  test('follow the layout', () => {
    expect(baseKey(LAKE, LOAN, origin)).toBe('raw/loans/public.loan/base/00000000000000000042-r0123456789ab/part-00007.parquet')
    expect(changesKey(LAKE, LOAN, '2026-01-31', origin)).toBe(
      'raw/loans/public.loan/changes/date=2026-01-31/00000000000000000042-r0123456789ab-00007.parquet',
    )
    expect(rejectsKey({ prefix: '', integration: 'loans' }, { ...origin, extension: 'jsonl' })).toBe(
      'loans/rejects/00000000000000000042-r0123456789ab-00007.jsonl',
    )
    expect(commitKey({ prefix: '/a/b/', integration: 'loans' }, 1)).toBe('a/b/_portage/loans/log/00000000000000000001.json')
  })

  test('tell who wrote a data file, and nothing of other objects', () => {
    expect(originOf(LAKE, baseKey(LAKE, LOAN, origin))).toEqual({ commit: 42, writer: origin.writer })
    expect(originOf(LAKE, changesKey(LAKE, LOAN, '2026-01-31', origin))).toEqual({ commit: 42, writer: origin.writer })
    for (const key of [
      rejectsKey(LAKE, origin),
      'raw/loans/public.loan/hive/base/v=1/x.orc',
      commitKey(LAKE, 1),
      'raw/loans/public.loan/notes.txt',
    ]) {
      expect(originOf(LAKE, key)).toBeNull()
    }
  })

  test('odd names become segments of the alphabet, each its own', () => {
    expect(nameSegment('public.loan')).toBe('public.loan')
    expect(nameSegment('Public.Loan-1')).toBe('Public.Loan-1')
    expect(nameSegment('public.my table/x=1%')).toBe('public.my%20table%2Fx%3D1%25')
    expect(nameSegment('_x.y')).toBe('%5Fx.y')
    expect(nameSegment('.tmp-x.y')).toBe('%2Etmp-x.y')
    expect(nameSegment('base_x.y')).toBe('base%5Fx.y')
    expect(nameSegment(`public.${'ä'.repeat(60)}`)).toMatch(/^public\.[%A-F0-9]+-[0-9a-f]{32}$/)
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.string({ minLength: 1, maxLength: 120, unit: 'grapheme' }), { minLength: 2, maxLength: 8 }),
        (names) => {
          const segments = names.map((name) => nameSegment(name as TableName))
          expect(new Set(segments).size).toBe(new Set(names.map((name) => new TextEncoder().encode(name).join())).size)
          for (const segment of segments) expect(segment).toMatch(/^[A-Za-z0-9%-][A-Za-z0-9_.%-]{0,199}$/)
        },
      ),
    )
  })

  test('tokens of runs and of maintenance differ', () => {
    const { random } = quietEnvironment()
    expect(
      [1, 2, 3].map(
        () => originOf(LAKE, baseKey(LAKE, LOAN, { ...origin, writer: `r${random().toString(16).slice(2, 8)}` }))?.commit,
      ),
    ).toEqual([42, 42, 42])
  })
})
