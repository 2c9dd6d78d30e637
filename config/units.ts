/** Units of the YAML files: durations, sizes and counts. Pure. */

const MILLISECONDS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }
const BYTES: Readonly<Record<string, number>> = {
  B: 1,
  kB: 1000,
  MB: 1000 ** 2,
  GB: 1000 ** 3,
  TB: 1000 ** 4,
  KiB: 1024,
  MiB: 1024 ** 2,
  GiB: 1024 ** 3,
  TiB: 1024 ** 4,
}

/** `5s`, `1.5 m`, `250ms`, `1d`. A number without a unit is refused: nobody can tell what it means. */
export const DURATION = /^(\d+(?:\.\d+)?) ?(ms|s|m|h|d)$/
/** `64 MiB`, `1GB`, `512 B`. */
export const SIZE = /^(\d+(?:\.\d+)?) ?(B|kB|MB|GB|TB|KiB|MiB|GiB|TiB)$/
/** `500_000`, `500000`. */
export const COUNT = /^\d+(?:_\d{3})*$/

/** Milliseconds of a text that matches `DURATION`; null when it does not. */
export function durationMs(text: string): number | null {
  return scaled(DURATION, MILLISECONDS, text)
}

/** Bytes of a text that matches `SIZE`; null when it does not. */
export function sizeBytes(text: string): number | null {
  return scaled(SIZE, BYTES, text)
}

/** The number of a text that matches `COUNT`; null when it does not. */
export function countOf(text: string): number | null {
  return COUNT.test(text) ? Number(text.replaceAll('_', '')) : null
}

function scaled(pattern: RegExp, units: Readonly<Record<string, number>>, text: string): number | null {
  const match = pattern.exec(text)
  const factor = units[match?.[2] ?? '']
  return match === null || factor === undefined ? null : Math.round(Number(match[1]) * factor)
}
