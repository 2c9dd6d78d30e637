/** The oldest Node that runs the sources as they are: type stripping and `await using` without a flag. */
export const REQUIRED_NODE = '24.12.0'

/**
 * Whether a version (`24.12.0`) is at least `required`.
 * @param {string} version
 * @param {string} [required]
 */
export function isAtLeast(version, required = REQUIRED_NODE) {
  const [have, want] = [version, required].map((text) => text.replace(/^v/, '').split('.').map(Number))
  for (let i = 0; i < 3; i += 1) {
    const difference = (have?.[i] ?? 0) - (want?.[i] ?? 0)
    if (difference !== 0) return difference > 0
  }
  return true
}
