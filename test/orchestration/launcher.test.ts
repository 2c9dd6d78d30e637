import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cp, mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { withLock } from '../../tools/lock.mjs'
import { inexactVersions } from '../../tools/manifest.mjs'
import { isAtLeast } from '../../tools/node-version.mjs'
import { satisfies, stampOf } from '../../tools/setup.mjs'
import { countsOf, sum } from '../../tools/sum-results.mjs'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
let dir = ''

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'portage-launcher-'))
})
afterEach(async () => {
  await rm(dir, { recursive: true, force: true })
})

async function outcome(child: ChildProcess): Promise<{ code: number | null; output: string }> {
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (text: Buffer) => {
      output += text.toString()
    })
  }
  const [code] = (await once(child, 'close')) as [number | null]
  return { code, output }
}

describe('versions', () => {
  test('are compared number by number', () => {
    expect(isAtLeast('24.12.0')).toBe(true)
    expect(isAtLeast('24.9.1')).toBe(false)
    expect(isAtLeast('v26.0.0')).toBe(true)
    expect(isAtLeast('20.20.2')).toBe(false)
  })

  test('that are not exact are listed with their name', () => {
    expect(
      inexactVersions({ dependencies: { a: '1.2.3', b: '^1.2.3', c: '1.5.5-r.5' }, devDependencies: { d: 'latest' } }),
    ).toEqual(['b@^1.2.3', 'd@latest'])
  })
})

describe('an installation', () => {
  const lock = { packages: { '': {}, a: { version: '1.0.0', integrity: 'x' }, other: { version: '2.0.0', optional: true } } }

  test('is current when npm recorded every package that is not optional', () => {
    expect(satisfies(lock, { packages: { a: { version: '1.0.0', integrity: 'x' } } })).toBe(true)
  })

  test('is not current when a package lacks or is another version', () => {
    expect(satisfies(lock, { packages: {} })).toBe(false)
    expect(satisfies(lock, { packages: { a: { version: '1.0.1', integrity: 'y' } } })).toBe(false)
    expect(satisfies(lock, { packages: { a: { version: '1.0.0', integrity: 'x' }, other: { version: '1.9.0' } } })).toBe(false)
  })

  test('is stamped with the lock file and the platform', () => {
    expect(stampOf('a', 'linux-x64')).not.toBe(stampOf('b', 'linux-x64'))
    expect(stampOf('a', 'linux-x64')).not.toBe(stampOf('a', 'darwin-arm64'))
  })
})

describe('the summary of all parts', () => {
  const report = { numPassedTests: 5, numFailedTests: 0, numPendingTests: 1, numTodoTests: 0 }

  test('adds the counts of every part', () => {
    expect(sum([countsOf(0, null), countsOf(0, report), countsOf(1, { ...report, numFailedTests: 2 })])).toEqual({
      passed: 10,
      failed: 2,
      skipped: 2,
    })
  })

  test('counts a part that failed without a failed test as a failure', () => {
    expect(countsOf(1, null).failed).toBe(1)
    expect(countsOf(1, report).failed).toBe(1)
  })
})

describe('the setup lock', () => {
  test('lets one work at a time', async () => {
    let inside = 0
    let most = 0
    const work = async () => {
      inside += 1
      most = Math.max(most, inside)
      await readdir(dir)
      inside -= 1
    }
    await Promise.all([1, 2, 3].map(() => withLock(join(dir, 'lock'), work)))
    expect(most).toBe(1)
  })

  test('of a process that is gone is taken over, and none is left behind', async () => {
    const gone = spawn(process.execPath, ['--version'], { stdio: 'ignore' })
    await once(gone, 'exit')
    await mkdir(join(dir, 'lock'))
    await writeFile(join(dir, 'lock', 'pid'), `${gone.pid}`)
    expect(await withLock(join(dir, 'lock'), async () => 'done')).toBe('done')
    expect(await readdir(dir)).toEqual([])
  })

  test('is released when the work fails', async () => {
    await expect(withLock(join(dir, 'lock'), () => Promise.reject(new Error('no network')))).rejects.toThrow('no network')
    await expect(stat(join(dir, 'lock'))).rejects.toMatchObject({ code: 'ENOENT' })
  })
})

describe('a forwarded program', () => {
  async function forwarding(program: string): Promise<ChildProcess> {
    const url = new URL('../../tools/forward.mjs', import.meta.url)
    const script = `import { forward } from ${JSON.stringify(url)}
      process.exitCode = await forward(process.execPath, ['--eval', ${JSON.stringify(program)}], process.env)`
    return spawn(process.execPath, ['--input-type=module', '--eval', script], { stdio: ['ignore', 'pipe', 'pipe'] })
  }

  test('passes its streams and exit code on', async () => {
    const program = "process.stdout.write('out'); process.stderr.write('err'); process.exitCode = 3"
    expect(await outcome(await forwarding(program))).toEqual({ code: 3, output: expect.stringMatching(/^(outerr|errout)$/) })
  })

  test('receives SIGTERM and decides the exit code', async () => {
    const child = await forwarding(
      "process.on('SIGTERM', () => { process.stdout.write('stopped'); process.exit(5) }); setInterval(() => 0, 1e6); process.stdout.write('up ')",
    )
    child.stdout?.once('data', () => child.kill('SIGTERM'))
    expect(await outcome(child)).toEqual({ code: 5, output: 'up stopped' })
  })

  test('that dies by a signal gives 128 + its number', async () => {
    expect((await outcome(await forwarding("process.kill(process.pid, 'SIGKILL')"))).code).toBe(137)
  })
})

describe('the published command', () => {
  beforeEach(async () => {
    await mkdir(join(dir, 'dist', 'orchestration'), { recursive: true })
    await cp(join(ROOT, 'bin'), join(dir, 'bin'), { recursive: true })
    await writeFile(join(dir, 'package.json'), '{"type": "module"}')
    await writeFile(
      join(dir, 'dist', 'orchestration', 'cli.js'),
      'export const main = async (argv) => { process.stdout.write(argv.join(",")); return 4 }',
    )
  })

  test('runs the compiled sources', async () => {
    const child = spawn(process.execPath, [join(dir, 'bin', 'portage.mjs'), 'status', '--json'], {
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    expect(await outcome(child)).toEqual({ code: 4, output: 'status,--json' })
  })

  test('says which Node it needs when this one is older', async () => {
    const pretend = 'data:text/javascript,Object.defineProperty(process,"versions",{value:{...process.versions,node:"22.9.0"}})'
    const child = spawn(process.execPath, ['--import', pretend, join(dir, 'bin', 'portage.mjs'), 'status'], {
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    expect(await outcome(child)).toEqual({ code: 2, output: expect.stringContaining('needs Node 24.12') })
  })
})
