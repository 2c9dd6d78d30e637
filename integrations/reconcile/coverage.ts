/** Waits until the lake holds everything that the source committed before a cut. I/O through the ports. */
import type { Position } from '../../connectors/change.ts'
import { ConnectorError } from '../../connectors/errors.ts'
import type { Environment, ObjectStore, Source } from '../../connectors/ports.ts'
import type { LogState } from '../land/log/commit.ts'
import type { LakePlace } from '../land/log/keys.ts'
import { catchUp, type LoadedLog } from '../land/log/read.ts'

export type CoverageOptions = {
  readonly store: ObjectStore
  readonly lake: LakePlace
  readonly source: Source
  /** One more session of the same scope: it looks whether an idle source changed. The caller of this disposes it. */
  readonly openSource: () => Promise<Source>
  readonly environment: Pick<Environment, 'now' | 'sleep'>
  /** How long the lake may stand still before that is an error. */
  readonly patienceMs: number
  readonly onWait: (message: string) => void
}

const POLL_MS = 250
/** A run that starts again or is taken over leaves its slot for a moment: looking does no harm then, refusing would. */
const ABSENCE_MS = 1_000
export const GIVEN_UP_MS = 15_000

/** Follows the log of one integration forward. */
export class Coverage {
  readonly #options: CoverageOptions
  #loaded: LoadedLog
  /** Nobody was running at the last look. */
  #alone = false
  #toldAlone = false

  constructor(options: CoverageOptions, loaded: LoadedLog) {
    this.#options = options
    this.#loaded = loaded
  }

  get state(): LogState {
    return this.#loaded.state
  }

  async refresh(signal: AbortSignal): Promise<LogState> {
    const { store, lake } = this.#options
    this.#loaded = await catchUp(store, lake, this.#loaded, { signal })
    return this.#loaded.state
  }

  /**
   * The newest state, which holds everything before the cut. Throws `SOURCE_SETUP` when nothing carries the changes there,
   * `TIMEOUT` when a run stands still.
   */
  async through(cut: Position, signal: AbortSignal): Promise<LogState> {
    const { source, environment, patienceMs, onWait } = this.#options
    let moved = environment.now().getTime()
    let absentSince: number | null = null
    let told = false
    for (;;) {
      const before = this.#loaded.state.position
      const state = await this.refresh(signal)
      if (state.position !== null && state.position >= cut) return state
      const now = environment.now().getTime()
      if (state.position !== before) moved = now
      const { active } = await source.health(signal)
      absentSince = active === true ? null : (absentSince ?? now)
      if (active === true) this.#alone = false
      const patience = this.#alone ? 0 : ABSENCE_MS
      if (absentSince !== null && now - absentSince >= patience) {
        const mayReturn = now - absentSince < GIVEN_UP_MS
        if (await this.#standsWithoutRun(state, cut, mayReturn, signal)) return state
        // Somebody has taken the slot meanwhile, or may do so.
        this.#alone = false
      }
      if (now - moved > patienceMs) throw this.#standing(state)
      if (!told && !this.#alone) onWait('waiting for the lake to reach the position')
      told = true
      await environment.sleep(POLL_MS, signal)
    }
  }

  /** Nobody follows: the lake is still right when nothing has changed since. False: somebody follows after all, or may. */
  async #standsWithoutRun(state: LogState, cut: Position, mayReturn: boolean, signal: AbortSignal): Promise<boolean> {
    const { lake, onWait } = this.#options
    const cure =
      `Run "portage run ${lake.integration} --until-current", or keep "portage run ${lake.integration}" running, ` +
      `then "portage reconcile ${lake.integration}" again`
    if (state.position === null) {
      if (mayReturn) return false
      throw new ConnectorError(
        'SOURCE_SETUP',
        `Integration "${lake.integration}" has not been copied completely and is not running. ${cure}`,
      )
    }
    if (!this.#toldAlone) onWait('no run is active: looking whether the source has changed since the newest commit')
    this.#toldAlone = true
    this.#alone = true
    const idle = await this.#isIdle(state.position, cut, signal)
    if (idle !== false || mayReturn) return idle === true
    throw new ConnectorError(
      'SOURCE_SETUP',
      `Integration "${lake.integration}" is not running, and the source has changed since commit ${state.number}: ` +
        `there is no position at which both can be compared. ${cure}`,
    )
  }

  /**
   * Reads the log from the lake's position without acknowledging anything: true when it holds no change before the cut, null
   * when somebody else reads it.
   */
  async #isIdle(from: Position, cut: Position, signal: AbortSignal): Promise<boolean | null> {
    await using probe = await this.#options.openSource()
    const { tables } = await probe.describe(signal)
    const flush = { intervalMs: 200, rows: 1, bytes: 1 }
    const stop = new AbortController()
    const either = AbortSignal.any([signal, stop.signal])
    try {
      for await (const set of probe.follow({ from, known: tables, flush, heartbeatMs: 500 }, either)) {
        for (const batch of set.batches) batch.release()
        if (set.changes > 0 || set.schemas.length > 0) return false
        if (set.cut !== null && set.cut >= cut) return true
      }
      return false
    } catch (error) {
      // What today's catalogue does not explain belongs to a change that is in the log.
      if (error instanceof ConnectorError && error.code === 'SCHEMA') return false
      const busy = error instanceof ConnectorError && (error.code === 'SLOT_IN_USE' || error.code === 'UNAVAILABLE')
      if (busy && !signal.aborted) return null
      throw error
    } finally {
      stop.abort()
    }
  }

  #standing({ position }: LogState): ConnectorError {
    const { lake, patienceMs } = this.#options
    return new ConnectorError(
      'TIMEOUT',
      `The lake of integration "${lake.integration}" has stayed at position ${position ?? 'none'} for ${Math.round(patienceMs / 1000)} s although ` +
        `a run holds its slot. Look at "portage status ${lake.integration}", then reconcile again`,
    )
  }
}
