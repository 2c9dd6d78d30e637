/** The fault matrix at the first call of each failpoint; `npm run faults` runs all of it and writes its table into the README. */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { type CaseResult, runMatrix } from './matrix.ts'
import { OPERATIONS } from './operations.ts'

test.each(OPERATIONS)(
  '$name survives every fault at every kind of call',
  async (operation) => {
    const results = await runMatrix(operation, { thorough: false })
    expect(results.length).toBeGreaterThan(15)
    expect(results.filter(({ survived }) => survived === null).map(inWords)).toEqual([])
  },
  300_000,
)

const inWords = ({ strike, problems }: CaseResult): string =>
  `${strike.kind} at call ${strike.nth} of "${strike.failpoint}": ${problems.join('; ')}`

test('the README tells of every failpoint that an operation must have, and of no case that was lost', () => {
  const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8')
  for (const { name, expects } of OPERATIONS) {
    const struck = new RegExp(`\\| ${name} \\| ([^|]*) \\| (\\d+) of \\2 \\|`).exec(readme)?.[1]
    expect(struck?.split(', '), name).toEqual(expect.arrayContaining([...expects]))
  }
})
