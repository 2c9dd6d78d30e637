/**
 * Settings that every session must run with whose values reach the decoders: COPY sessions, walsenders (as start-up
 * `options` or parameters) and sessions that call the logical decoding SQL functions. They make text forms the same
 * everywhere. `lc_monetary` stays the server's own: money has no meaning without it.
 */
export const DECODE_SETTINGS = {
  client_encoding: 'UTF8',
  DateStyle: 'ISO, YMD',
  TimeZone: 'UTC',
  IntervalStyle: 'iso_8601',
  extra_float_digits: '1',
  bytea_output: 'hex',
} as const satisfies Readonly<Record<string, string>>
