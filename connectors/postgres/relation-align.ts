/**
 * Which catalogue column (attnum) each column of a Relation message is. The message carries names, types and order but no
 * attnum, and it is as old as the change that follows it, while the catalogue may be newer. Pure.
 *
 * What is certain: columns appear in attnum order; a column that the last recorded schema and the catalogue both have was
 * there all the time; a column that only the recorded schema has was dropped meanwhile, before or after; of the columns
 * that only the catalogue has, those with lower attnum came first. Among the readings that these rules leave, the one
 * that needs the fewest unseen renames and retypes wins. Transaction ids are weighed as well; where they decide, the
 * reading is no longer `certain`. Two equally good ones are ambiguous.
 */
import type { Evidence } from './relation-evidence.ts'

export type KnownColumn = { readonly id: number; readonly name: string; readonly sourceType: string }

export type AlignInput = {
  /** As in the Relation message; `sourceType` is `format_type` of its type and modifier. */
  readonly relation: readonly { readonly name: string; readonly sourceType: string }[]
  /** Columns of the last recorded schema of this table; null when it was never recorded. */
  readonly known: readonly KnownColumn[] | null
  /** Columns of the catalogue now; null when the table no longer exists. */
  readonly catalogue: readonly KnownColumn[] | null
  /** attnums the catalogue lists as dropped (their names and types are lost). */
  readonly dropped: readonly number[]
  readonly evidence?: Evidence
}

/** The attnum of each Relation column, in order. `certain`: names, types and order alone say so. */
export type Alignment =
  | { readonly ids: readonly number[]; readonly certain: boolean }
  | { readonly failure: 'ambiguous' | 'impossible' }

type Candidate = {
  readonly id: number
  /** Was certainly there. */
  readonly certain: boolean
  /** Appeared after the recorded schema and still exists: if it was there, so were the ones before it. */
  readonly added: boolean
  /** Came and went since the recorded schema: nothing of it is left, and which of several it was makes no difference. */
  readonly forgotten: boolean
  readonly seen: readonly KnownColumn[]
}

const UNSEEN_NAME = 4
const UNSEEN_TYPE = 1
/** A column of which nothing is left in the catalogue can be anything, at a price. */
const FORGOTTEN = 2

export function alignRelation(input: AlignInput): Alignment {
  const { relation, evidence = new Map() } = input
  const candidates = candidatesOf(input)
  const plain = readings(relation, candidates, new Map())
  const [first, second] = evidence.size === 0 ? plain : readings(relation, candidates, evidence)
  if (first === undefined) return { failure: 'impossible' }
  if (second !== undefined) return { failure: 'ambiguous' }
  return { ids: first, certain: plain.length === 1 && plain[0]?.join() === first.join() }
}

function candidatesOf({ relation, known, catalogue, dropped }: AlignInput): readonly Candidate[] {
  const knownById = new Map((known ?? []).map((column) => [column.id, column]))
  const nowById = new Map((catalogue ?? []).map((column) => [column.id, column]))
  const newest = Math.max(0, ...knownById.keys())
  // A table that is gone lists no dropped columns: as many as the message needs may have come and gone.
  const lost = catalogue === null ? relation.map((_, index) => newest + 1 + index) : dropped
  const forgotten = lost.filter((id) => id > newest)
  const ids = [...new Set([...knownById.keys(), ...nowById.keys(), ...forgotten])].sort((a, b) => a - b)
  return ids.map((id) => {
    const before = knownById.get(id)
    const now = nowById.get(id)
    return {
      id,
      certain: before !== undefined && now !== undefined,
      added: before === undefined && now !== undefined && known !== null,
      forgotten: before === undefined && now === undefined,
      seen: [before, now].filter((column) => column !== undefined),
    }
  })
}

type Reading = {
  readonly cost: number
  readonly ids: readonly number[]
  /** What tells readings apart: the ids, forgotten ones alike. */
  readonly key: string
  /** An added column was passed over, so later ones cannot have been there. */
  readonly skippedAdded: boolean
}

const NOTHING = { take: 0, skip: 0 } as const
const START: Reading = { cost: 0, ids: [], key: '', skippedAdded: false }

/** How many equally good readings are kept: enough to tell one from more. */
const TIES = 2

/** The cheapest order-preserving choices of one candidate per relation column. */
function readings(
  relation: AlignInput['relation'],
  candidates: readonly Candidate[],
  evidence: Evidence,
): readonly (readonly number[])[] {
  // states[j]: readings of the first j relation columns over the candidates so far.
  let states: readonly (readonly Reading[])[] = Array.from({ length: relation.length + 1 }, (_, j) => (j === 0 ? [START] : []))
  for (const candidate of candidates) {
    const against = evidence.get(candidate.id) ?? NOTHING
    const next: Reading[][] = Array.from({ length: relation.length + 1 }, () => [])
    // From the back, so that a reading which already has its columns comes before one that takes this later one.
    for (let j = relation.length; j >= 0; j--) {
      const column = relation[j]
      for (const state of states[j] ?? []) {
        if (!candidate.certain) {
          next[j]?.push({ ...state, cost: state.cost + against.skip, skippedAdded: state.skippedAdded || candidate.added })
        }
        if (column === undefined || (candidate.added && state.skippedAdded)) continue
        next[j + 1]?.push({
          cost: state.cost + against.take + price(column, candidate),
          ids: [...state.ids, candidate.id],
          key: `${state.key},${candidate.forgotten ? '?' : candidate.id}`,
          skippedAdded: state.skippedAdded,
        })
      }
    }
    // What may follow depends on `skippedAdded` alone, so each of the two keeps its own best.
    states = next.map((list) => [
      ...cheapest(list.filter((state) => state.skippedAdded)),
      ...cheapest(list.filter((state) => !state.skippedAdded)),
    ])
  }
  return cheapest(states[relation.length] ?? []).map((state) => state.ids)
}

function cheapest(states: readonly Reading[]): readonly Reading[] {
  const lowest = Math.min(...states.map((state) => state.cost))
  const tied = new Map<string, Reading>()
  for (const state of states) if (state.cost === lowest && !tied.has(state.key)) tied.set(state.key, state)
  return [...tied.values()].slice(0, TIES)
}

function price(column: { readonly name: string; readonly sourceType: string }, candidate: Candidate): number {
  if (candidate.forgotten) return FORGOTTEN
  const name = candidate.seen.some((seen) => seen.name === column.name) ? 0 : UNSEEN_NAME
  const type = candidate.seen.some((seen) => seen.sourceType === column.sourceType) ? 0 : UNSEEN_TYPE
  return name + type
}
