import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { runDemo } from '../../../orchestration/demo/demo.ts'
import { openTerminal } from '../../support/command-line.ts'
import { ROOT } from '../../support/sources.ts'

const run = promisify(execFile)

test.each(['directory', 'bucket'] as const)(
  'the demo with a %s ends without a difference, and what it prints to try next works without its servers',
  {
    timeout: 120_000,
  },
  async (lake) => {
    const dir = await mkdtemp(join(tmpdir(), 'portage-demo-'))
    try {
      const { io, stdout, stderr } = openTerminal()
      const code = await runDemo({
        io,
        signal: new AbortController().signal,
        dir: join(dir, 'demo'),
        scale: 0.02,
        rounds: 40,
        workMs: 1_500,
        lake,
      })
      expect(`${stderr()}\n${stdout()}`).toContain('· no difference')
      expect(code).toBe(0)
      const commands = stdout()
        .split('\n')
        .filter((line) => line.startsWith('  npx --no portage '))
        .slice(0, 3)
      expect(commands).toHaveLength(3)
      const outputs: string[] = []
      for (const command of commands) {
        const line = command.replace('npx --no portage', `"${process.execPath}" bin/portage.mjs`)
        outputs.push((await run('sh', ['-c', line], { cwd: ROOT })).stdout)
      }
      const [byStatus, history, rows] = outputs
      expect(byStatus).toMatch(/^status,loans,amount\n/)
      expect(byStatus).toContain('paid')
      expect(history?.trim().split('\n').length).toBeGreaterThanOrEqual(3)
      expect(rows?.trim().split('\n').length).toBeGreaterThanOrEqual(3)
    } finally {
      await rm(dir, { recursive: true, force: true })
    }
  },
)
