/**
 * Adds up what the parts of `.ci/run` found: `node tools/sum-results.mjs <dir> <part> …`, where a part left its exit code
 * in `<part>.code` and, when it ran tests, vitest's report in `<part>.json`. Prints `N passed, N failed, N skipped`.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

/** @typedef {{passed: number, failed: number, skipped: number}} Counts */
/** @typedef {{numPassedTests: number, numFailedTests: number, numPendingTests: number, numTodoTests: number}} Report */

/**
 * Counts of one part. A part that failed without a failed test (a file that does not load, a missing service, a type
 * error) counts as one failure.
 * @param {number} code
 * @param {Report | null} report
 * @returns {Counts}
 */
export function countsOf(code, report) {
  const failed = report?.numFailedTests ?? 0
  return {
    passed: report?.numPassedTests ?? 0,
    failed: code !== 0 && failed === 0 ? 1 : failed,
    skipped: (report?.numPendingTests ?? 0) + (report?.numTodoTests ?? 0),
  }
}

/**
 * @param {readonly Counts[]} parts
 * @returns {Counts}
 */
export function sum(parts) {
  return parts.reduce(
    (total, part) => ({
      passed: total.passed + part.passed,
      failed: total.failed + part.failed,
      skipped: total.skipped + part.skipped,
    }),
    { passed: 0, failed: 0, skipped: 0 },
  )
}

/** @param {string} path */
function read(path) {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return null
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const [dir = '.', ...names] = process.argv.slice(2)
  const { passed, failed, skipped } = sum(
    names.map((name) => {
      const report = read(join(dir, `${name}.json`))
      return countsOf(Number(read(join(dir, `${name}.code`)) ?? 1), report === null ? null : JSON.parse(report))
    }),
  )
  process.stdout.write(`${passed} passed, ${failed} failed, ${skipped} skipped\n`)
  process.exitCode = failed === 0 && passed > 0 ? 0 : 1
}
