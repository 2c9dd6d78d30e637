/** What a new user does first: clone, run, and install the published package elsewhere. Needs the package registry. */
import { execFile, execFileSync } from 'node:child_process'
import { chmod, chown, lstat, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { serverAccount } from '../../orchestration/dev/account.ts'
import { REQUIRED_NODE } from '../../tools/node-version.mjs'
import { ROOT } from '../support/sources.ts'

const run = promisify(execFile)
/** The host's own Node and npm, without the Node that the launcher put in front. */
const HOST_PATH = (process.env.PATH ?? '')
  .split(delimiter)
  .filter((entry) => !entry.includes(join('tools', 'node')) && !entry.includes('node_modules'))
  .join(delimiter)

let dir = ''
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'portage-clone-'))
  await chmod(dir, 0o755)
})
afterAll(async () => {
  await rm(dir, { recursive: true, force: true })
})

/** Variables of npm and vitest must not reach the commands of a new user. */
function environment(home: string, more: Readonly<Record<string, string>> = {}): Record<string, string> {
  const kept = Object.entries(process.env).filter(
    ([name]) => !/^(npm_|NODE|VITEST|PORTAGE_)/i.test(name) || /^npm_config_(registry|cafile|.*proxy)$/i.test(name),
  )
  return {
    ...(Object.fromEntries(kept) as Record<string, string>),
    PATH: HOST_PATH,
    HOME: home,
    npm_config_cache: join(home, 'npm-cache'),
    ...more,
  }
}

async function clone(name: string): Promise<{ at: string; home: string }> {
  const at = join(dir, name)
  const home = join(dir, `${name}-home`)
  execFileSync('git', ['clone', '--quiet', ROOT, at])
  await mkdir(home)
  // What this machine says about its registry, as a user's own setting.
  const settings = await readFile(join(process.env.HOME ?? '', '.npmrc'), 'utf8').catch(() => '')
  await writeFile(join(home, '.npmrc'), settings, { mode: 0o600 })
  return { at, home }
}

test('a clone sets itself up with a cold cache, two commands at once, and NODE_ENV=production', async () => {
  const { at, home } = await clone('first')
  const options = { cwd: at, env: environment(home, { NODE_ENV: 'production' }) }
  const [version, vitest] = await Promise.all([
    run('npx', ['--no', '--', 'portage', '--version'], options),
    run('npm', ['test', '--silent', '--', 'test/orchestration/launcher.test.ts'], options),
  ])
  expect(version.stdout.trim()).toBe(
    (JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')) as { version: string }).version,
  )
  expect(vitest.stdout).toContain('launcher.test.ts')
  const said = version.stderr + vitest.stderr
  expect(said.match(/Installing packages/g)).toHaveLength(1)
  expect(await readdir(join(at, 'node_modules'))).toContain('vitest')
  await expect(lstat(join(at, '.portage', 'setup.lock'))).rejects.toMatchObject({ code: 'ENOENT' })

  // A second start installs nothing; an installation of other versions than the locked ones is renewed.
  const again = async () => (await run('npx', ['--no', '--', 'portage', '--version'], options)).stderr
  expect(await again()).not.toContain('Installing')
  const record = join(at, 'node_modules', '.package-lock.json')
  await writeFile(record, (await readFile(record, 'utf8')).replaceAll('"version": "', '"version": "0.0.'))
  await rm(join(at, 'node_modules', '.portage-stamp'))
  expect(await again()).toContain('Installing packages')
})

test('a clone works for an ordinary user', async () => {
  const account = await serverAccount()
  const { at, home } = await clone('user')
  const identity = account === null ? {} : { uid: account.uid, gid: account.gid }
  if (account !== null) {
    execFileSync('chown', ['-R', `${account.uid}:${account.gid}`, at])
    await chown(home, account.uid, account.gid)
    await chown(join(home, '.npmrc'), account.uid, account.gid)
  }
  const { stdout } = await run('npx', ['--no', '--', 'portage', '--help'], { cwd: at, env: environment(home), ...identity })
  expect(stdout).toContain('portage')
})

test('the packed package runs where it is installed', async () => {
  const { at, home } = await clone('package')
  const env = environment(home)
  const { stdout } = await run('npm', ['pack', '--json', '--pack-destination', dir], { cwd: at, env })
  const [packed] = JSON.parse(stdout.slice(stdout.indexOf('['))) as { filename: string; files: { path: string }[] }[]
  const paths = packed?.files.map(({ path }) => path) ?? []
  expect(paths).toEqual(
    expect.arrayContaining([
      'LICENSE',
      'README.md',
      'bin/portage.mjs',
      'dist/orchestration/cli.js',
      'dist/test/support/s3/endpoint.js',
      'dist/test/support/snowflake/endpoint.js',
    ]),
  )
  expect(paths.filter((path) => path.endsWith('.ts') || path.startsWith('test/'))).toEqual([])
  // Of the test support the endpoints of "portage dev up" and the faults that both are armed with, and nothing else.
  const shipped = /^dist\/test\/support\/((s3|snowflake)\/|armed-faults\.js$)/
  expect(paths.filter((path) => path.startsWith('dist/test/') && !shipped.test(path))).toEqual([])

  const elsewhere = join(dir, 'elsewhere')
  await mkdir(elsewhere)
  await writeFile(join(elsewhere, 'package.json'), '{}')
  await run('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund', join(dir, packed?.filename ?? '')], {
    cwd: elsewhere,
    env,
  })
  const portage = join(elsewhere, 'node_modules', '.bin', 'portage')
  const help = await run(process.execPath, [portage, '--help'], { cwd: elsewhere, env })
  expect(help.stdout).toContain('portage')
  await expect(run(process.execPath, [portage, 'status'], { cwd: elsewhere, env })).rejects.toMatchObject({ code: 2 })
  const dev = join(elsewhere, 'node_modules', 'portage-lakehouse', 'dist', 'orchestration', 'dev')
  const script = `
    import { startDevS3 } from '${join(dev, 's3.js')}'
    import { startDevSnowflake } from '${join(dev, 'snowflake.js')}'
    await using s3 = await startDevS3('state', undefined)
    console.log((await fetch(s3.url + '/lake')).status)
    await using snowflake = await startDevSnowflake('state', undefined)
    await snowflake.asAdministrator('select count(*) from information_schema.tables')
    console.log((await fetch(snowflake.url)).status)
  `
  const endpoint = await run(process.execPath, ['--input-type=module', '-e', script], { cwd: elsewhere, env })
  expect(endpoint.stdout).toBe('403\n404\n')
  expect(Number(REQUIRED_NODE.split('.')[0])).toBe(24)
})
