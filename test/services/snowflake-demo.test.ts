/** The demo with Snowflake, small: every step of the story is as it should be. */
import { expect, test } from 'vitest'
import { analystQuestions } from '../../orchestration/demo/analyst.ts'
import { runSnowflakeDemo } from '../../orchestration/demo/snowflake-demo.ts'
import { faultsOfStory } from '../../orchestration/demo/snowflake-faults.ts'
import { openTerminal } from '../support/command-line.ts'
import { scratch } from '../support/scratch.ts'

test('the whole story', { timeout: 240_000 }, async () => {
  using place = scratch()
  const { io, stdout } = openTerminal()
  const code = await runSnowflakeDemo({
    io,
    signal: new AbortController().signal,
    dir: place.path('demo'),
    scale: 0.004,
    rounds: 20,
  })
  const said = stdout()
  expect(said.split('\n').filter((line) => line.startsWith('WRONG'))).toEqual([])
  expect(said.match(/^ok {4}/gm)?.length).toBe(analystQuestions('x', 1).length + 10)
  expect(said).toContain(`${faultsOfStory().length} of ${faultsOfStory().length} faults survived`)
  expect(code).toBe(0)
})
