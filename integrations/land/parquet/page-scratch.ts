/** Memory for the page that is being closed; pages end one after the other. */
import { MAX_DICTIONARY_ENTRIES } from './dictionary.ts'
import { indicesCapacity } from './dictionary-indices.ts'
import { GrowingBytes } from './growing-bytes.ts'
import { levelsCapacity } from './levels.ts'

export type PageLimits = { readonly rows: number; readonly bytes: number }

/** Buffers that all columns share while one of their pages is being closed: nothing else runs meanwhile. */
export type PageScratch = {
  readonly packed: GrowingBytes
  readonly levels: Uint8Array
  readonly indices: Uint16Array
  readonly used: Uint8Array
  readonly gathered: GrowingBytes
  /** A page whose levels do not fit in front of its values. */
  readonly joined: GrowingBytes
}

const scratches = new Map<number, PageScratch>()

export function pageScratch({ rows }: PageLimits): PageScratch {
  const scratch = scratches.get(rows) ?? newScratch(rows)
  scratches.set(rows, scratch)
  return scratch
}

function newScratch(rows: number): PageScratch {
  const levels = levelsCapacity(rows)
  return {
    packed: new GrowingBytes(indicesCapacity(rows), (levels + 7) & ~7),
    levels: new Uint8Array(levels),
    indices: new Uint16Array(rows),
    used: new Uint8Array(MAX_DICTIONARY_ENTRIES),
    gathered: new GrowingBytes(4096),
    joined: new GrowingBytes(4096, (levels + 7) & ~7),
  }
}
