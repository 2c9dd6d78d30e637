/** What `run` is given, what it reports while it works, and what it hands back. */

import type { LoadedIntegration } from '../config/integration.ts'
import type { Position, TableName } from '../connectors/change.ts'
import type { Environment, ObjectStore, Source, SourceHealth, Warehouse } from '../connectors/ports.ts'
import type { CaptureEvent } from '../integrations/capture/events.ts'
import type { PolicyRules } from '../integrations/capture/policies/rules.ts'
import type { HeldTable } from '../integrations/register/held-tables.ts'
import type { RefusedTable } from '../integrations/register/refused.ts'
import type { ProjectionSettings } from '../integrations/register/register.ts'

/**
 * One thing that a person or a metric may want to know. Emitted by `runIntegration`; rendered by `progress.ts`, counted by
 * `metrics.ts`. Counters are totals of this attempt unless said otherwise. Never a row value.
 */
export type ProgressEvent =
  | CaptureEvent
  | {
      readonly kind: 'registered'
      readonly connection: string
      readonly schema: string
      readonly commit: number
      readonly filesAdded: number
      readonly filesRemoved: number
      /** Tables that the warehouse keeps at an older shape until `portage apply`. */
      readonly held: readonly TableName[]
    }
  /** What a warehouse cannot hold has changed: these it shows as before, or not at all; empty: it holds every table again. */
  | {
      readonly kind: 'refused'
      readonly connection: string
      readonly schema: string
      readonly tables: readonly RefusedTable[]
    }
  | { readonly kind: 'health'; readonly health: SourceHealth }
  /** Emitted by the retry loop between attempts. */
  | { readonly kind: 'attempt'; readonly attempt: number; readonly error: string; readonly pauseMs: number }

export type RunMode = 'forever' | 'once' | 'until-current'

export type OpenWarehouse = {
  readonly connection: string
  readonly schema: string
  readonly everyMs: number
  readonly warehouse: Warehouse
  readonly projection: ProjectionSettings
}

/**
 * Everything is open; `run` disposes none of it. `once`: snapshot whatever is missing, take over what the source holds at
 * the start (its `head`), register, end. `until-current`: the same, but on until a set says `current`. `forever`: until the signal.
 */
export type RunOptions = {
  readonly config: LoadedIntegration
  /** Ungoverned: `run` puts the rules before it. */
  readonly source: Source
  readonly rules: PolicyRules
  readonly store: ObjectStore
  readonly warehouses: readonly OpenWarehouse[]
  readonly mode: RunMode
  /** Take the place-holder (slot) from another session where permitted. */
  readonly takeOver: boolean
  /** Only say what would be done (`RunSummary.planned`); change nothing anywhere. */
  readonly dryRun: boolean
  readonly environment: Environment
  /** Shared by the attempts of one process: the token under which it last held the log; null before the first claim. */
  readonly claims: { writer: string | null }
  /** `portage <version>, <host>, pid <n>`: for people who read the log. */
  readonly by: string
}

export type TableSummary = {
  readonly table: TableName
  readonly snapshotRows: number
  readonly changes: number
  readonly files: number
  readonly bytes: number
  readonly rejects: number
}

export type RefusedIn = RefusedTable & { readonly connection: string }

/** What one attempt did. A graceful stop (signal aborted while following) is a summary, not an error. */
export type RunSummary = {
  readonly integration: string
  /** `stopped`: the signal asked for it. */
  readonly outcome: 'current' | 'stopped' | 'planned'
  /** Newest commit at the end; null when the log is still empty. */
  readonly commit: number | null
  readonly position: Position | null
  readonly through: string | null
  readonly commits: number
  readonly transactions: number
  readonly seconds: number
  readonly tables: readonly TableSummary[]
  readonly registered: readonly { readonly connection: string; readonly schema: string; readonly commit: number }[]
  /** Tables that the warehouses do not show as the lake has them, until `portage apply`; empty without a warehouse. */
  readonly held: readonly HeldTable[]
  /** Tables that a warehouse cannot hold. */
  readonly refused: readonly RefusedIn[]
  /** On a dry run, what would happen, one line each; else empty. */
  readonly planned: readonly string[]
}

/** The signature of `orchestration/run.ts`. */
export type RunIntegration = (
  options: RunOptions,
  signal: AbortSignal,
  progress: (event: ProgressEvent) => void,
) => Promise<RunSummary>
