/** Problems of configuration, all of them at once, each with the place a person has to open. */

import type { Place } from './integration.ts'

/** `path` is the place inside the file (`flush.interval`), empty for the file as a whole. */
export type ConfigurationProblem = Place & { readonly problem: string }

/** One line per problem: `file:line path: problem`. */
export function formatProblem({ file, line, path, problem }: ConfigurationProblem): string {
  return `${file}:${line}${path === '' ? '' : ` ${path}`}: ${problem}`
}

/** The configuration cannot be used. Carries every problem of every file, in the order of files and lines. */
export class ConfigurationError extends Error {
  override readonly name = 'ConfigurationError'
  readonly code = 'CONFIGURATION'
  readonly problems: readonly ConfigurationProblem[]

  constructor(problems: readonly ConfigurationProblem[]) {
    const sorted = problems.toSorted((a, b) => (a.file === b.file ? a.line - b.line : a.file < b.file ? -1 : 1))
    const count = sorted.length === 1 ? '1 problem' : `${sorted.length} problems`
    super(`The configuration has ${count}:\n${sorted.map((problem) => `  ${formatProblem(problem)}`).join('\n')}`)
    this.problems = sorted
  }
}

/** `a.b[2].c`, as problems show it. */
export function pathText(path: readonly PropertyKey[]): string {
  return path.map((part, index) => (typeof part === 'number' ? `[${part}]` : `${index === 0 ? '' : '.'}${String(part)}`)).join('')
}

/** ` (did you mean "x"?)` for the nearest candidate within two edits or a third of the word, else empty. */
export function didYouMean(word: string, candidates: Iterable<string>): string {
  let best: string | null = null
  let bestDistance = Math.max(2, Math.floor(word.length / 3)) + 1
  for (const candidate of candidates) {
    const distance = editDistance(word.toLowerCase(), candidate.toLowerCase())
    if (distance < bestDistance) {
      best = candidate
      bestDistance = distance
    }
  }
  return best === null ? '' : ` (did you mean "${best}"?)`
}

/** Levenshtein distance. */
export function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const replace = (previous[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)
      row.push(Math.min(replace, (previous[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1))
    }
    previous = row
  }
  return previous[b.length] ?? 0
}
