/** Offsets of named time zones, for timestamps that a writer stored in its own zone. */
import { damaged } from './damaged.ts'

/** Seconds east of UTC at an instant given in seconds since 1970. */
export type ZoneOffset = (seconds: number) => number

const DAY = 86_400
const FIXED = /^(?:GMT|UTC)?([+-])(\d{1,2})(?::?(\d{2}))?$/
const UTC_NAMES = new Set([
  '',
  'UTC',
  'GMT',
  'Etc/UTC',
  'Etc/GMT',
  'Z',
  'Zulu',
  'UCT',
  'Etc/UCT',
  'Universal',
  'Greenwich',
  'GMT0',
])

/** Null for UTC. Throws `FORMAT` for a zone that the tz database does not know. */
export function zoneOffset(name: string): ZoneOffset | null {
  if (UTC_NAMES.has(name)) return null
  const fixed = FIXED.exec(name)
  if (fixed !== null) {
    const seconds = Number(fixed[2]) * 3600 + Number(fixed[3] ?? 0) * 60
    const offset = fixed[1] === '-' ? -seconds : seconds
    return offset === 0 ? null : () => offset
  }
  let format: Intl.DateTimeFormat
  try {
    format = new Intl.DateTimeFormat('en-US', {
      timeZone: name,
      calendar: 'gregory',
      numberingSystem: 'latn',
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
      era: 'short',
    })
  } catch (cause) {
    throw damaged('stripe footer', `the writer's time zone "${name.slice(0, 40)}" is not known`, { cause })
  }
  return cachedByDay((seconds) => lookUp(format, seconds))
}

/** Intl's calendar turns Julian before 1582: offsets before this do not change any more anyway. */
const EARLIEST = -12_219_292_800
const LATEST = 8_640_000_000_000

function lookUp(format: Intl.DateTimeFormat, seconds: number): number {
  const at = Math.min(LATEST, Math.max(EARLIEST, seconds))
  const parts: Record<string, number> = {}
  for (const { type, value } of format.formatToParts(at * 1000)) parts[type] = Number(value)
  const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = parts
  return Date.UTC(year, month - 1, day, hour, minute, second) / 1000 - at
}

/** One look-up for each end of a day; a day on which the offset changes is searched for the second of the change. */
function cachedByDay(look: ZoneOffset): ZoneOffset {
  const days = new Map<number, { readonly before: number; readonly after: number; readonly change: number }>()
  return (seconds) => {
    const day = Math.floor(seconds / DAY)
    let known = days.get(day)
    if (known === undefined) {
      const before = look(day * DAY)
      const after = look(day * DAY + DAY - 1)
      known = { before, after, change: before === after ? 0 : changeOf(look, day * DAY, day * DAY + DAY - 1, before) }
      if (days.size > 100_000) days.clear()
      days.set(day, known)
    }
    return seconds < known.change ? known.before : known.after
  }
}

/** The first second in (low, high] whose offset is not `before`. */
function changeOf(look: ZoneOffset, from: number, to: number, before: number): number {
  let low = from
  let high = to
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2)
    if (look(middle) === before) low = middle
    else high = middle
  }
  return high
}
