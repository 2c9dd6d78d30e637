import { spawnSync } from 'node:child_process'
import { expect, test } from 'vitest'
import { COMMANDS } from '../../orchestration/cli.ts'
import { createRedaction } from '../../orchestration/redaction.ts'
import { openTerminal, portage } from '../support/command-line.ts'

const names = COMMANDS.flatMap((define) => {
  const command = define({
    io: openTerminal().io,
    signal: new AbortController().signal,
    globals: () => ({ config: '', state: '', verbose: false }),
    print: async () => undefined,
    exit: () => undefined,
    redaction: createRedaction(),
  })
  return [command.name(), ...command.commands.map((child) => `${command.name()} ${child.name()}`)]
})

test.each(['', ...names])('help of "portage %s" is the golden one', async (name) => {
  const argv = name === '' ? [] : name.split(' ')
  const { code, stdout } = await portage([...argv, '--help'])
  expect(code).toBe(0)
  await expect(stdout).toMatchFileSnapshot(`../golden/help/${name === '' ? 'portage' : name.replace(' ', '-')}.txt`)
})

test('every command shows at least one example', async () => {
  for (const name of names) {
    const { stdout } = await portage([...name.split(' '), '--help'])
    expect(stdout).toMatch(/Examples:\n {2}portage /)
  }
})

test('help costs little processor time: what is heavy is loaded only by commands that need it', () => {
  const script = `
    import { main } from '${new URL('../../orchestration/cli.ts', import.meta.url).href}'
    await main(['--help'])
    const { user, system } = process.cpuUsage()
    process.stderr.write(String((user + system) / 1000))
  `
  const { stderr, stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' })
  expect(stdout).toContain('Usage: portage')
  expect(Number(stderr)).toBeLessThan(300)
})
