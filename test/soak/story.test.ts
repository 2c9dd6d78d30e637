import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

test('every answer of the story is right', () => {
  const { status, stdout } = spawnSync(process.execPath, [fileURLToPath(new URL('story.ts', import.meta.url))], {
    encoding: 'utf8',
    timeout: 600_000,
  })
  expect([status, stdout]).toEqual([0, expect.stringContaining('Every answer was right')])
})
