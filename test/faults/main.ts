/** `npm run faults`: the whole matrix, and its table in the README between its two marks. Ends with 1 when a case was lost. */
import { readFileSync, writeFileSync } from 'node:fs'
import { type CaseResult, matrixTable, runMatrix } from './matrix.ts'
import { OPERATIONS } from './operations.ts'

const README = new URL('../../README.md', import.meta.url)
const BEGIN = '<!-- faults: written by "npm run faults" -->'
const END = '<!-- end of faults -->'

const results: CaseResult[] = []
for (const operation of OPERATIONS) {
  const cases = await runMatrix(operation, { thorough: true })
  process.stdout.write(`${matrixTable(cases)}\n\n`)
  results.push(...cases)
}
const lost = results.filter(({ survived }) => survived === null)
for (const { operation, strike, problems } of lost) {
  process.stdout.write(
    `LOST ${operation}: ${strike.kind} at call ${strike.nth} of "${strike.failpoint}": ${problems.join('; ')}\n`,
  )
}
process.stdout.write(`${results.length - lost.length} of ${results.length} cases survived\n`)
const readme = readFileSync(README, 'utf8')
const [start, end] = [readme.indexOf(BEGIN), readme.indexOf(END)]
if (start < 0 || end < start) throw new Error(`README.md lacks the marks ${BEGIN} … ${END}`)
writeFileSync(README, `${readme.slice(0, start)}${BEGIN}\n\n${matrixTable(results)}\n\n${readme.slice(end)}`)
process.exitCode = lost.length === 0 ? 0 : 1
