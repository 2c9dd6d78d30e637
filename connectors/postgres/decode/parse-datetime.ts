/** Dates and timestamps from Postgres's text (`DateStyle` ISO), byte by byte. */

import { dayOfCivil } from '../../calendar.ts'
import { BAD } from './bad-value.ts'

/** Result of the last successful parse: days since 1970 and, for a timestamp, microseconds to add, UTC. */
export const PARSED = { days: 0, micros: 0 }

let cursor = 0

/** `YYYY-MM-DD[ BC]`; 0 or a `BAD` code. */
export function parseDate(bytes: Uint8Array, at: number, end: number): number {
  const era = eraOf(bytes, at, end)
  if (era === ERA.infinite) return BAD.infiniteTime
  const stop = era === ERA.bc ? end - 3 : end
  if (!civil(bytes, at, stop, era === ERA.bc) || cursor !== stop) return BAD.malformed
  PARSED.micros = 0
  return 0
}

/** `YYYY-MM-DD HH:MM:SS[.f][±HH[:MM[:SS]]][ BC]`; a zone is taken off, so that the result is UTC. 0 or a `BAD` code. */
export function parseTimestamp(bytes: Uint8Array, at: number, end: number): number {
  const era = eraOf(bytes, at, end)
  if (era === ERA.infinite) return BAD.infiniteTime
  const stop = era === ERA.bc ? end - 3 : end
  if (!civil(bytes, at, stop, era === ERA.bc) || bytes[cursor] !== 0x20) return BAD.malformed
  cursor++
  const hours = number(bytes, stop)
  cursor++
  const minutes = number(bytes, stop)
  cursor++
  const seconds = number(bytes, stop)
  let fraction = 0
  if (bytes[cursor] === 0x2e && cursor < stop) {
    const start = ++cursor
    fraction = number(bytes, stop)
    for (let digits = cursor - start; digits < 6; digits++) fraction *= 10
  }
  let zone = 0
  const sign = cursor < stop ? bytes[cursor] : 0
  if (sign === 0x2b || sign === 0x2d) {
    for (let unit = 3600; cursor < stop && unit >= 1; unit /= 60) {
      cursor++
      zone += number(bytes, stop) * unit
    }
    if (sign === 0x2d) zone = -zone
  }
  if (cursor !== stop) return BAD.malformed
  PARSED.micros = (hours * 3600 + minutes * 60 + seconds - zone) * 1_000_000 + fraction
  return 0
}

const ERA = { ad: 0, bc: 1, infinite: 2 } as const

function eraOf(bytes: Uint8Array, at: number, end: number): number {
  // `infinity`, `-infinity`
  if (bytes[at] === 0x69 || bytes[at] === 0x2d) return ERA.infinite
  return bytes[end - 1] === 0x43 && bytes[end - 2] === 0x42 ? ERA.bc : ERA.ad
}

function civil(bytes: Uint8Array, at: number, end: number, bc: boolean): boolean {
  cursor = at
  const year = number(bytes, end)
  if (bytes[cursor++] !== 0x2d) return false
  const month = number(bytes, end)
  if (bytes[cursor++] !== 0x2d) return false
  const day = number(bytes, end)
  PARSED.days = dayOfCivil(bc ? 1 - year : year, month, day)
  return cursor <= end
}

function number(bytes: Uint8Array, end: number): number {
  let value = 0
  for (; cursor < end; cursor++) {
    const digit = (bytes[cursor] as number) - 0x30
    if (digit < 0 || digit > 9) break
    value = value * 10 + digit
  }
  return value
}
