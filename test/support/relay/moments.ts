/** Moments at which a process is killed: what it does outside, one step after the other, as relays in front of its servers see it. Pure. */
import type { ChildProcess } from 'node:child_process'

/** `before`: nothing of it left the process. `sent`: the server has it, the process is gone. `after`: done, and nothing after it. */
export type MomentKind = 'before' | 'sent' | 'after'

/** `what` is a statement, or `put <key>`. */
export type Moment = { readonly what: string; readonly kind: MomentKind }

export interface Moments {
  /** Of the process under way, in their order. */
  readonly seen: readonly Moment[]
  /** True: the process is dead now, by SIGKILL, and nothing more of it may be passed on. */
  reached(what: string, kind: MomentKind): boolean
  /** From now on moments are those of this process, which dies at the one of that number, counted from 0; null: at none. */
  watch(process: ChildProcess, at: number | null): void
  /** From now on everything is passed on, untold. */
  rest(): void
}

export function openMoments(): Moments {
  let seen: Moment[] = []
  let watched: { readonly process: ChildProcess; readonly at: number | null } | null = null
  let dead = false
  return {
    get seen() {
      return seen
    },
    reached(what, kind) {
      if (watched === null) return false
      if (dead) return true
      if (seen.length === watched.at) {
        dead = true
        watched.process.kill('SIGKILL')
      }
      seen.push({ what, kind })
      return dead
    },
    watch(process, at) {
      seen = []
      dead = false
      watched = { process, at }
    },
    rest() {
      dead = false
      watched = null
    },
  }
}
