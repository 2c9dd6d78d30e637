/** Instants as elapsed milliseconds since 1970, from ISO-8601 and PostgreSQL texts. Pure. */

const TEXT =
  /^(\d{4,6})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,12}))?)?\s?(Z|z|[+-]\d\d(?::?\d\d(?::?\d\d)?)?)?)?$/

/**
 * Milliseconds of a text; digits beyond the millisecond are cut off (towards the past). Without an offset it is read in
 * `zone`, a date alone is the start of that day. Null when the text is no existing instant.
 */
export function parseInstant(text: string, zone = 'UTC'): number | null {
  const parts = TEXT.exec(text)
  if (parts === null) return null
  const [, year = '', month = '', day = '', hour = '00', minute = '00', second = '00', fraction = '', offset] = parts
  const fields = [year, month, day, hour, minute, second].map(Number)
  const [y = 0, mo = 0, d = 0, h = 0, mi = 0, s = 0] = fields
  const date = new Date(0)
  date.setUTCFullYear(y, mo - 1, d)
  date.setUTCHours(h, mi, s, Number(fraction.padEnd(3, '0').slice(0, 3)))
  const same = date.getUTCFullYear() === y && date.getUTCMonth() === mo - 1 && date.getUTCDate() === d
  if (!same || h > 23 || mi > 59 || s > 59) return null
  const offsetMs = zoneOffsetMs(offset ?? zone)
  return offsetMs === null ? null : date.getTime() - offsetMs
}

/** Milliseconds east of Greenwich of `UTC`, `Z`, `±hh`, `±hh:mm`, `±hhmm`, `±hh:mm:ss`; null for anything else. */
export function zoneOffsetMs(zone: string): number | null {
  if (zone === 'UTC' || zone === 'Z' || zone === 'z') return 0
  const parts = /^([+-])(\d\d)(?::?(\d\d)(?::?(\d\d))?)?$/.exec(zone)
  if (parts === null) return null
  const [, sign, hours, minutes = '0', seconds = '0'] = parts
  if (Number(hours) > 15 || Number(minutes) > 59 || Number(seconds) > 59) return null
  const ms = ((Number(hours) * 60 + Number(minutes)) * 60 + Number(seconds)) * 1000
  return sign === '-' ? -ms : ms
}

/** `2026-06-30T12:00:00.000Z`. */
export function instantText(ms: number): string {
  return new Date(ms).toISOString()
}
