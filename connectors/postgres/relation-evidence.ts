/**
 * What transaction ids say of which columns a table had when a transaction changed it. Pure.
 *
 * A column's catalogue row carries the transaction that touched it last: for a dropped column the one that dropped it, for
 * a live one the one that added it, or a later one. A change's transaction and a DDL transaction on one table exclude each
 * other, so their ids mostly tell which came first. Mostly: an id is taken at a transaction's first write, which may be
 * long before it touches this table. Hence it is evidence, not proof.
 */

/** What speaks against a column's having been there (`take`) and against its absence (`skip`). */
export type Evidence = ReadonlyMap<number, { readonly take: number; readonly skip: number }>

export type EvidenceInput = {
  /** Live columns of the catalogue and dropped ones, with the transaction (32 bits) that touched them last. */
  readonly live: readonly { readonly id: number; readonly xmin: number }[]
  readonly dropped: readonly { readonly id: number; readonly xmin: number }[]
  /** attnums of the recorded schema; null when there is none. */
  readonly known: ReadonlySet<number> | null
  /** Transaction of the change that follows the message. */
  readonly xid: number
}

/** Outweighs a name that fits. */
const CONTRADICTION = 5
/** Outweighs all that can speak against a live column: another name and type by now, and that it was touched again. */
const LONG_GONE = 7
/** A live column may have been touched again after it was added; outweighs a column of which nothing is left. */
const DOUBT = 3

export function evidenceOf({ live, dropped, known, xid }: EvidenceInput): Evidence {
  const evidence = new Map<number, { readonly take: number; readonly skip: number }>()
  for (const { id, xmin } of dropped) {
    const gone = isAtOrAfter(xid, xmin)
    const recorded = known?.has(id) === true
    evidence.set(id, { take: gone ? (recorded ? CONTRADICTION : LONG_GONE) : 0, skip: !gone && recorded ? CONTRADICTION : 0 })
  }
  for (const { id, xmin } of live) {
    if (known?.has(id)) continue
    const there = isAtOrAfter(xid, xmin)
    evidence.set(id, { take: there ? 0 : DOUBT, skip: there ? CONTRADICTION : 0 })
  }
  return evidence
}

/** Transaction ids wrap at 2^32. */
const isAtOrAfter = (xid: number, other: number): boolean => ((xid - other) | 0) >= 0
