/** A file's bytes as UTF-8 chunks: unpacked and transcoded on the way. Memory: a few chunks. I/O through the file. */
import { Readable } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { ConnectorError } from '../../../connectors/errors.ts'
import type { ReadableFile } from '../../../connectors/tables.ts'
import type { CsvDialect } from './dialect.ts'

export const CHUNK_BYTES = 1024 * 1024

/** Raw chunks; the next one is asked for while this one is worked on. `onRead` is told how far the file was read. */
export async function* rawChunks(
  file: ReadableFile,
  options: { readonly start?: number; readonly onRead?: (done: number) => void; readonly signal: AbortSignal },
): AsyncGenerator<Uint8Array> {
  const { onRead, signal } = options
  const ask = (from: number): Promise<Uint8Array> => {
    const asked = file.read(from, Math.min(file.size, from + CHUNK_BYTES), signal)
    asked.catch(() => undefined)
    return asked
  }
  let at = options.start ?? 0
  let next = at < file.size ? ask(at) : null
  while (next !== null) {
    signal.throwIfAborted()
    const chunk = await next
    at += chunk.length
    next = chunk.length > 0 && at < file.size ? ask(at) : null
    onRead?.(at)
    yield chunk
  }
}

/** The text of the file as UTF-8 bytes, without its byte-order mark; UTF-8 itself is passed through unchecked. Throws `FORMAT`. */
export async function* decodedChunks(
  file: ReadableFile,
  { encoding, bomBytes, gzip }: Pick<CsvDialect, 'encoding' | 'bomBytes' | 'gzip'>,
  options: { readonly onRead?: (done: number) => void; readonly signal: AbortSignal },
): AsyncGenerator<Buffer> {
  const plain = gzip ? unpacked(file, options) : rawChunks(file, options)
  const decode = transcoder(encoding, file.name)
  let skip = bomBytes
  for await (const raw of plain) {
    const chunk = Buffer.from(raw.buffer, raw.byteOffset, raw.byteLength)
    const text = decode(skip === 0 ? chunk : chunk.subarray(skip), false)
    skip = Math.max(0, skip - chunk.length)
    if (text.length > 0) yield text
  }
  const rest = decode(Buffer.alloc(0), true)
  if (rest.length > 0) yield rest
}

export async function* unpacked(
  file: ReadableFile,
  options: { readonly onRead?: (done: number) => void; readonly signal: AbortSignal },
): AsyncGenerator<Uint8Array> {
  const source = Readable.from(rawChunks(file, options))
  const gunzip = createGunzip({ chunkSize: 256 * 1024 })
  source.on('error', (error) => gunzip.destroy(error))
  source.pipe(gunzip)
  try {
    for await (const chunk of gunzip) yield chunk as Buffer
  } catch (error) {
    options.signal.throwIfAborted()
    if (error instanceof ConnectorError) throw error
    throw new ConnectorError('FORMAT', `File "${file.name}" is not whole: its gzip data are damaged or end too early`, {
      cause: error,
    })
  } finally {
    source.destroy()
    gunzip.destroy()
  }
}

type Transcode = (chunk: Buffer, last: boolean) => Buffer

/** Throws `FORMAT` for bytes that the encoding does not have, and `CONFIGURATION` for one that nobody knows. */
export function transcoder(encoding: string, name: string): Transcode {
  if (encoding === 'utf-8') return (chunk) => chunk
  if (encoding === 'iso-8859-1' || encoding === 'windows-1252') return singleByte(encoding)
  let decoder: InstanceType<typeof TextDecoder>
  try {
    decoder = new TextDecoder(encoding, { fatal: true, ignoreBOM: true })
  } catch (cause) {
    throw new ConnectorError(
      'CONFIGURATION',
      `Encoding "${encoding}" is not known; expected utf-8, utf-16le, utf-16be, windows-1252, iso-8859-1 or another label of the WHATWG Encoding Standard`,
      { cause },
    )
  }
  return (chunk, last) => {
    try {
      return Buffer.from(decoder.decode(chunk, { stream: !last }), 'utf8')
    } catch (cause) {
      throw new ConnectorError('FORMAT', `File "${name}" holds bytes that are not ${encoding}. Give another --encoding`, {
        cause,
      })
    }
  }
}

/** Each byte is one character: a table of its UTF-8 form. */
function singleByte(encoding: string): Transcode {
  const texts = Array.from({ length: 256 }, (_, byte) =>
    Buffer.from(
      encoding === 'iso-8859-1' ? String.fromCharCode(byte) : new TextDecoder(encoding).decode(Uint8Array.of(byte)),
      'utf8',
    ),
  )
  return (chunk) => {
    const target = Buffer.allocUnsafe(chunk.length * 3)
    let length = 0
    for (let i = 0; i < chunk.length; i++) {
      const byte = chunk[i] as number
      if (byte < 0x80) {
        target[length++] = byte
        continue
      }
      const text = texts[byte] as Buffer
      for (let j = 0; j < text.length; j++) target[length++] = text[j] as number
    }
    return target.subarray(0, length)
  }
}

/** The label as used here; aliases of Latin-1 mean what their name says, not what browsers make of them. */
export function encodingNamed(label: string): string {
  const name = label.trim().toLowerCase().replace(/_/g, '-')
  if (/^(?:latin-?1|iso-?8859-?1|l1)$/.test(name)) return 'iso-8859-1'
  if (/^(?:utf-?8(?:-sig)?|ascii|us-ascii)$/.test(name)) return 'utf-8'
  if (/^(?:windows-?1252|cp-?1252)$/.test(name)) return 'windows-1252'
  if (/^utf-?16-?le$/.test(name)) return 'utf-16le'
  if (/^utf-?16-?be$/.test(name)) return 'utf-16be'
  if (/^utf-?16$/.test(name)) return 'utf-16le'
  return name
}
