/** Faults on purpose, whatever is struck: which of them hits a call, counted. Pure. */

/** What every fault says, beside what it matches. */
export type Strike<Effect> = {
  /** The first matching call that is hit. Default: 1. */
  readonly nth?: number
  /** How many matching calls are hit from then on. Default: 1. */
  readonly times?: number
  readonly effect: Effect
}

/** A fault in place: how many calls matched it, how many it hit. */
export type Armed<Fault> = { readonly fault: Fault; readonly seen: number; readonly hits: number; readonly disarm: () => void }

export type ArmedFaults<Fault, Effect, Call> = {
  readonly arm: (fault: Fault) => Armed<Fault>
  readonly clear: () => void
  /** The effect of the first armed fault that hits this call; every armed fault that matches counts it. */
  readonly next: (call: Call) => Effect | null
}

export function armFaults<Effect, Fault extends Strike<Effect>, Call>(
  matches: (fault: Fault, call: Call) => boolean,
  initial: readonly Fault[],
): ArmedFaults<Fault, Effect, Call> {
  let armed: { readonly fault: Fault; seen: number; hits: number }[] = []
  const arm = (fault: Fault): Armed<Fault> => {
    const entry = {
      fault,
      seen: 0,
      hits: 0,
      disarm: () => {
        armed = armed.filter((each) => each !== entry)
      },
    }
    armed.push(entry)
    return entry
  }
  for (const fault of initial) arm(fault)
  return {
    arm,
    clear: () => {
      armed = []
    },
    next: (call) => {
      let effect: Effect | null = null
      for (const entry of armed) {
        const { fault } = entry
        if (!matches(fault, call)) continue
        entry.seen += 1
        const first = fault.nth ?? 1
        if (effect !== null || entry.seen < first || entry.seen >= first + (fault.times ?? 1)) continue
        entry.hits += 1
        effect = fault.effect
      }
      return effect
    },
  }
}

/** Whether a value is the text, or matches the pattern; without either every value does, null too. */
export function isNamed(wanted: string | RegExp | undefined, value: string | null): boolean {
  if (wanted === undefined) return true
  if (value === null) return false
  if (typeof wanted === 'string') return wanted === value
  // A pattern with these flags remembers where it was.
  return new RegExp(wanted.source, wanted.flags.replace(/[gy]/g, '')).test(value)
}

/** Whether a value is one of those wanted; without any every value is. */
export function isOneOf<T extends string>(wanted: T | readonly T[] | undefined, value: T): boolean {
  if (wanted === undefined) return true
  return typeof wanted === 'string' ? wanted === value : wanted.includes(value)
}
