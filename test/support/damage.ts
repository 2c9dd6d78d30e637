/** Damage to files, the same for every format, and what reading a damaged one costs. */
import { ConnectorError } from '../../connectors/errors.ts'

export type Random = () => number

/** mulberry32: a seed gives the same files again. */
export function randomOf(seed: number): Random {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

export const pick = <T>(list: readonly T[], random: Random): T => list[Math.floor(random() * list.length)] as T

/** Numbers at which decoders break. */
export const AWKWARD = [0, 1, 2, 127, 128, 255, 65_535, 2 ** 20, 2 ** 31 - 1, 2 ** 31, 2 ** 32, 2 ** 40, Number.MAX_SAFE_INTEGER]

/** Flipped bits, a damaged tail, bytes cut off, taken out or put in; null, in three of ten cases: damage something that the format knows. */
export function damaged(source: Uint8Array, files: readonly Uint8Array[], random: Random): Uint8Array | null {
  const at = (length: number) => Math.floor(random() * length)
  const bytes = new Uint8Array(source)
  const kind = random()
  if (kind < 0.3) {
    for (let i = 0; i <= at(6); i++) {
      const place = at(bytes.length)
      bytes[place] = (bytes[place] as number) ^ (1 << at(8))
    }
    return bytes
  }
  if (kind < 0.45) {
    // The tail and its neighbourhood are small and decide everything.
    for (let i = 0; i <= at(3); i++)
      bytes[bytes.length - 1 - at(Math.min(600, bytes.length))] = pick([0, 1, 0x7f, 0x80, 0xff, at(256)], random)
    return bytes
  }
  if (kind < 0.55) return bytes.subarray(0, at(bytes.length))
  if (kind < 0.65) {
    const from = at(bytes.length)
    return Buffer.concat([bytes.subarray(0, from), bytes.subarray(from + at(200))])
  }
  if (kind >= 0.72) return null
  const other = pick(files, random)
  const from = at(other.length)
  const place = at(bytes.length)
  return Buffer.concat([bytes.subarray(0, place), other.subarray(from, from + at(300)), bytes.subarray(place)])
}

/** Rows after which a reader of hostile files stops: a file may say that it has any number of them. */
export const MAX_ROWS = 100_000

export type Reading = { readonly outcome: 'read' | 'refused'; readonly cpuMs: number; readonly heldBytes: number }

/** `read` calls `holds` while it holds most. Throws what is no `ConnectorError`, and what says that it is a defect of ours: that is a finding. */
export async function measured(read: (holds: () => void) => Promise<void>): Promise<Reading> {
  const before = process.cpuUsage()
  let outcome: Reading['outcome'] = 'read'
  let heldBytes = 0
  try {
    await read(() => {
      heldBytes = Math.max(heldBytes, process.memoryUsage().arrayBuffers)
    })
  } catch (error) {
    if (!(error instanceof ConnectorError) || error.code === 'INTERNAL') throw error
    outcome = 'refused'
  }
  const { user, system } = process.cpuUsage(before)
  return { outcome, cpuMs: (user + system) / 1000, heldBytes }
}
