import { link, mkdir, mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { ConnectorError } from '../../connectors/errors.ts'
import { filesystem } from '../../connectors/filesystem/connector.ts'
import { failure } from '../../connectors/filesystem/failure.ts'
import { openFilesystemStore } from '../../connectors/filesystem/store.ts'
import { TEMPORARY_DIRECTORY } from '../../connectors/filesystem/temporary.ts'
import { objectStoreContract } from '../contracts/object-store.ts'

const environment = { now: () => new Date() }
const signal = new AbortController().signal

async function temporaryLake() {
  const directory = await mkdtemp(join(tmpdir(), 'portage-lake-'))
  const root = join(directory, 'deep', 'lake')
  return {
    root,
    store: await openFilesystemStore(root, environment),
    another: () => openFilesystemStore(root, environment),
    [Symbol.asyncDispose]: () => rm(directory, { recursive: true, force: true }),
  }
}

objectStoreContract('filesystem', temporaryLake)

describe('filesystem store', () => {
  test('leaves no temporary file behind, whatever happened', async () => {
    await using lake = await temporaryLake()
    await lake.store.putIfAbsent('a', new Uint8Array([1]))
    await lake.store.putIfAbsent('a', new Uint8Array([2]))
    const writer = await lake.store.openWriter('b')
    await writer.write(new Uint8Array([3]))
    await writer.abort()
    await lake.store.putIfAbsent('a/b', new Uint8Array([4])).catch(() => undefined)
    expect(await readdir(join(lake.root, TEMPORARY_DIRECTORY))).toEqual([])
    expect(await readdir(lake.root)).toEqual([TEMPORARY_DIRECTORY, 'a'])
  })

  test('opening removes temporary files of dead processes at once and of unknown ones after a day', async () => {
    await using lake = await temporaryLake()
    const open = await lake.store.openWriter('mine')
    const directory = join(lake.root, TEMPORARY_DIRECTORY)
    const [own] = await readdir(directory)
    const place = own?.split('-')[0]
    const long = new Date(Date.now() - 25 * 60 * 60 * 1000)
    for (const name of [`${place}-4194305-00`, 'elsewhere-1-00', 'elsewhere-1-01']) await writeFile(join(directory, name), '')
    await utimes(join(directory, 'elsewhere-1-01'), long, long)
    await openFilesystemStore(lake.root, environment)
    expect((await readdir(directory)).sort()).toEqual([own, 'elsewhere-1-00'].sort())
    await open.close()
    expect(await lake.store.head('mine')).not.toBeNull()
  })

  test('deleting the last object of a directory removes the directory', async () => {
    await using lake = await temporaryLake()
    await lake.store.putIfAbsent('t/changes/date=2026-01-01/1', new Uint8Array())
    await lake.store.putIfAbsent('t/base/1', new Uint8Array())
    await lake.store.delete(['t/changes/date=2026-01-01/1'])
    expect(await readdir(join(lake.root, 't'))).toEqual(['base'])
  })

  test('an object cannot lie below another object', async () => {
    await using lake = await temporaryLake()
    await lake.store.putIfAbsent('a', new Uint8Array())
    await expect(lake.store.putIfAbsent('a/b', new Uint8Array())).rejects.toThrow(
      'an object already exists where a directory is needed',
    )
  })

  test('a full disk is FULL, with the cure', () => {
    const error = failure(Object.assign(new Error('write'), { code: 'ENOSPC' }), 'write', 'Object "k"')
    expect(error).toBeInstanceOf(ConnectorError)
    expect(error).toMatchObject({ code: 'FULL', recovery: 'operator' })
    expect(error.message).toBe(
      'Object "k": could not write, the disk is full. Free space and run again; everything committed is kept',
    )
  })

  test('check names a file in the place of the directory', async () => {
    await using lake = await temporaryLake()
    await mkdir(join(lake.root, '..'), { recursive: true })
    await writeFile(lake.root, '')
    expect(await lake.store.check(signal)).toMatchObject([{ severity: 'error', problem: 'is a file' }])
  })

  test('hard links of people do not confuse the listing', async () => {
    await using lake = await temporaryLake()
    await lake.store.putIfAbsent('a', new Uint8Array([1]))
    await link(join(lake.root, 'a'), join(lake.root, 'b'))
    await lake.store.delete(['a'])
    expect(await lake.store.get('b')).toEqual(new Uint8Array([1]))
  })

  test('options are checked', () => {
    expect(filesystem.options.safeParse({ path: 'lake' }).success).toBe(true)
    expect(filesystem.options.safeParse({ path: 'lake', typo: 1 }).success).toBe(false)
  })
})
