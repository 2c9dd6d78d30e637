/**
 * Registration at its own cadence, beside capture: a warehouse that is slow or away never holds landing back. Passing
 * failures are told and tried again at the next turn; a table that the warehouse cannot hold is told once and keeps no other back;
 * any other failure ends the run.
 */
import { recoveryOf } from '../connectors/errors.ts'
import type { Environment, ObjectStore } from '../connectors/ports.ts'
import type { LogState } from '../integrations/land/log/commit.ts'
import { heldTables } from '../integrations/register/held-tables.ts'
import type { RefusedTable } from '../integrations/register/refused.ts'
import { registerCommit } from '../integrations/register/register.ts'
import { newRemembered, type Remembered } from '../integrations/register/remembered.ts'
import { retry } from './retry.ts'
import type { OpenWarehouse, ProgressEvent, RefusedIn, RunSummary } from './run-types.ts'

export type RegistrarOptions = {
  readonly integration: string
  readonly store: ObjectStore
  readonly warehouses: readonly OpenWarehouse[]
  readonly state: () => LogState
  readonly environment: Pick<Environment, 'now' | 'sleep' | 'random'>
  readonly progress: (event: ProgressEvent) => void
}

/** How long the end of a run waits for a warehouse that is away: nothing else has to be done again for it. */
export const FINISH_DEADLINE_MS = 5 * 60_000

export class Registrar {
  readonly #options: RegistrarOptions
  #wake: (() => void)[] = []
  readonly #registered = new Map<OpenWarehouse, number>()
  readonly #shown = new Set<OpenWarehouse>()
  readonly #refused = new Map<OpenWarehouse, readonly RefusedTable[]>()
  readonly #remembered = new Map<OpenWarehouse, Remembered>()

  constructor(options: RegistrarOptions) {
    this.#options = options
  }

  /** Something was committed. */
  poke(): void {
    const waiting = this.#wake
    this.#wake = []
    for (const wake of waiting) wake()
  }

  /** Registers whenever there is something new and the cadence allows, until the signal; rejects with what a retry cannot cure. */
  async watch(signal: AbortSignal): Promise<void> {
    await Promise.all(this.#options.warehouses.map((target) => this.#watchOne(target, signal)))
  }

  /** Brings every warehouse to the newest commit; the last thing a run does. One that is away is asked again, with growing pauses. */
  async finish(signal: AbortSignal): Promise<RunSummary['registered']> {
    const { warehouses, environment } = this.#options
    for (const target of warehouses) {
      await retry(() => this.#register(target, signal), {
        environment,
        signal,
        deadlineMs: () => FINISH_DEADLINE_MS,
        onAttempt: ({ error }) => this.#late(target, error),
      })
    }
    const shown = [...this.#registered].filter(([target]) => this.#shown.has(target))
    return shown.map(([{ connection, schema }, commit]) => ({ connection, schema, commit }))
  }

  /** Tables that a warehouse could not hold at its last registration. */
  refused(): readonly RefusedIn[] {
    return [...this.#refused].flatMap(([{ connection }, tables]) => tables.map((table) => ({ ...table, connection })))
  }

  async #watchOne(target: OpenWarehouse, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      if ((this.#registered.get(target) ?? 0) >= this.#options.state().number) await this.#changed(signal)
      if (signal.aborted) return
      try {
        await this.#register(target, signal)
      } catch (error) {
        if (signal.aborted) return
        if (recoveryOf(error) !== 'retry') throw error
        this.#late(target, error)
      }
      await this.#options.environment.sleep(target.everyMs, signal).catch(() => undefined)
    }
  }

  #late({ connection }: OpenWarehouse, error: unknown): void {
    const reason = error instanceof Error ? error.message : String(error)
    this.#options.progress({ kind: 'warning', message: `Registration in "${connection}" is late: ${reason}` })
  }

  /** Told at each change, not at each turn. */
  #tellRefused(target: OpenWarehouse, tables: readonly RefusedTable[]): void {
    const before = this.#refused.get(target) ?? []
    this.#refused.set(target, tables)
    const { connection, schema } = target
    if (JSON.stringify(before) !== JSON.stringify(tables)) {
      this.#options.progress({ kind: 'refused', connection, schema, tables })
    }
  }

  #changed(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      this.#wake.push(resolve)
      signal.addEventListener('abort', () => resolve(), { once: true })
    })
  }

  async #register(target: OpenWarehouse, signal: AbortSignal): Promise<void> {
    const { integration, store, progress } = this.#options
    const state = this.#options.state()
    const { connection, schema, warehouse, projection } = target
    const remembered = this.#remembered.get(target) ?? newRemembered()
    this.#remembered.set(target, remembered)
    const request = { integration, schema, state, store, warehouse, projection, dryRun: false, remembered }
    const outcome = await registerCommit(request, signal)
    this.#registered.set(target, state.number)
    // An empty log is shown as it is; a warehouse that holds none of the tables shows nothing.
    if (outcome.relations.length > 0 || outcome.refused.length === 0) this.#shown.add(target)
    else this.#shown.delete(target)
    this.#tellRefused(target, outcome.refused)
    if (outcome.commit === null || outcome.upToDate) return
    const { filesAdded, filesRemoved } = outcome
    const held = heldTables(state).map(({ table }) => table)
    progress({ kind: 'registered', connection, schema, commit: outcome.commit, filesAdded, filesRemoved, held })
  }
}
