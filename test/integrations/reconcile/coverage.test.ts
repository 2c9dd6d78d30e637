/** Whether the lake covers a position while nobody runs, with a source of our own that says what its log holds. */
import { expect, test } from 'vitest'
import type { Position } from '../../../connectors/change.ts'
import { ConnectorError, type ErrorCode } from '../../../connectors/errors.ts'
import { openMemoryStore } from '../../../connectors/memory/store.ts'
import type { Source } from '../../../connectors/ports.ts'
import { EMPTY_STATE } from '../../../integrations/land/log/fold.ts'
import { Coverage } from '../../../integrations/reconcile/coverage.ts'

const signal = new AbortController().signal
const BEHIND = '0001-0000000000000001-00000000' as Position
const CUT = '0001-0000000000000002-00000000' as Position

/** Nobody follows it; reading its log fails. */
function idleSource(code: ErrorCode): Source {
  const source: Partial<Source> = {
    health: async () => ({ active: false }) as Awaited<ReturnType<Source['health']>>,
    describe: async () => ({ tables: [], at: CUT }),
    // biome-ignore lint/correctness/useYield: it fails before the first set.
    follow: async function* () {
      throw new ConnectorError(code, 'the log')
    },
    [Symbol.asyncDispose]: async () => undefined,
  }
  return source as Source
}

function through(code: ErrorCode): Promise<unknown> {
  let now = 0
  const environment = {
    now: () => new Date(now),
    sleep: async () => {
      now += 5_000
    },
  }
  const source = idleSource(code)
  const coverage = new Coverage(
    {
      ...{ store: openMemoryStore(environment), lake: { prefix: 'raw', integration: 'loans' }, source, environment },
      ...{ openSource: async () => source, patienceMs: 60_000, onWait: () => undefined },
    },
    { state: { ...EMPTY_STATE, position: BEHIND }, live: 0, minWriter: 1, claim: null },
  )
  return coverage.through(CUT, signal)
}

test('a log that the catalogue of today does not explain holds a change: the run that is missing is named, not the catalogue', async () => {
  await expect(through('SCHEMA')).rejects.toThrow(
    /"loans" is not running, and the source has changed since commit 0.*portage run loans/,
  )
})

test('another failure of the source is told as it is', async () => {
  await expect(through('PRIVILEGE')).rejects.toMatchObject({ code: 'PRIVILEGE' })
})
