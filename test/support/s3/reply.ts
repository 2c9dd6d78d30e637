/** What an operation answers, before it becomes HTTP. */
import type { StoredFile } from './catalogue.ts'
import type { Storage } from './storage.ts'
import { type Xml, xmlDocument } from './xml.ts'

/** Bytes of stored files; disposed when sent or given up, until then the files stay. */
export type FileBody = Disposable & { readonly size: number; readonly read: () => AsyncIterable<Buffer> }

export type Reply = {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | FileBody | null
}

export function emptyReply(status: number, headers: Readonly<Record<string, string>> = {}): Reply {
  return { status, headers, body: null }
}

export function xmlReply(root: string, content: readonly Xml[], headers: Readonly<Record<string, string>> = {}): Reply {
  return { status: 200, headers: { 'content-type': 'application/xml', ...headers }, body: xmlDocument(root, content) }
}

const READ_BYTES = 256 * 1024

/** Half open. */
export type ByteRange = { readonly start: number; readonly end: number }

/** Bytes of files laid end to end, read piece by piece. */
export function fileBody(storage: Storage, files: readonly StoredFile[], range: ByteRange): FileBody {
  const hold = storage.hold(files)
  return {
    size: range.end - range.start,
    read: () => readFiles(storage, files, range),
    [Symbol.dispose]: () => hold[Symbol.dispose](),
  }
}

async function* readFiles(storage: Storage, files: readonly StoredFile[], range: ByteRange): AsyncGenerator<Buffer> {
  let at = 0
  for (const file of files) {
    const start = Math.max(range.start - at, 0)
    const end = Math.min(range.end - at, file.size)
    at += file.size
    if (start >= end) continue
    await using handle = await storage.openReader(file)
    for (let position = start; position < end; ) {
      const buffer = Buffer.allocUnsafe(Math.min(READ_BYTES, end - position))
      const { bytesRead } = await handle.read(buffer, 0, buffer.length, position)
      if (bytesRead === 0) throw new Error('A data file is shorter than its entry says')
      position += bytesRead
      yield buffer.subarray(0, bytesRead)
    }
  }
}
