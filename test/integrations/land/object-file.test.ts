/** What stays open when a file cannot be begun. */
import { readdirSync, readlinkSync } from 'node:fs'
import { Field, List, Schema, TimeNanosecond } from 'apache-arrow'
import { expect, test } from 'vitest'
import { openFilesystemStore } from '../../../connectors/filesystem/store.ts'
import { openObjectFile } from '../../../integrations/land/object-file.ts'
import { createParquetWriter } from '../../../integrations/land/parquet/writer.ts'
import { scratch } from '../../support/scratch.ts'

test('a writer that refuses its schema leaves neither an open file nor its bytes', async () => {
  using directory = scratch()
  await using store = await openFilesystemStore(directory.dir, { now: () => new Date() })
  const schema = new Schema([new Field('a', new List(new Field('t', new TimeNanosecond(), true)), true)])
  const opening = openObjectFile(store, 'a/b', (sink) =>
    createParquetWriter({ schema, sink, compression: 'none', metadata: new Map() }),
  )
  await expect(opening).rejects.toMatchObject({ name: 'ConnectorError' })
  expect(openFilesBelow(directory.dir)).toEqual([])
  expect(readdirSync(directory.path('.tmp-portage'))).toEqual([])
  expect(await store.head('a/b')).toBeNull()
})

/** Paths of this process's open files (Linux). */
function openFilesBelow(directory: string): readonly string[] {
  if (process.platform !== 'linux') return []
  return readdirSync('/proc/self/fd').flatMap((descriptor) => {
    try {
      const path = readlinkSync(`/proc/self/fd/${descriptor}`)
      return path.startsWith(directory) ? [path] : []
    } catch {
      return []
    }
  })
}
