/**
 * ORC's compression framing: a stream is cut into blocks of at most `blockSize` bytes, each compressed on its own behind
 * a header of three bytes, little-endian: length × 2 + 1 when the block is stored as it is. NONE has no framing at all.
 */
import { constants, deflateRawSync, inflateRawSync, zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { snappyCompress } from '../parquet/snappy.ts'
import { damaged, refused } from './damaged.ts'
import { lz4Decompress } from './lz4-decode.ts'
import { lzoDecompress } from './lzo-decode.ts'
import { CompressionKind } from './messages.ts'
import { snappyDecompress } from './snappy-decode.ts'

/** Spark's and Hive's default. */
export const BLOCK_SIZE = 262_144

/** The header's 23 bits bound a compressed block; a file that asks for more memory than this per block is refused. */
export const MAX_BLOCK_SIZE = 1 << 26

const HEADER = 3
/** Shorter than this nothing is gained. */
const MIN_COMPRESSED = 24
const ZSTD_LEVEL = 1

/** Compresses one block, or null for NONE. */
export type BlockCompressor = ((block: Uint8Array) => Uint8Array) | null

export type WriterCompression = { readonly kind: CompressionKind; readonly compress: BlockCompressor }

/** One output chunk that holds any result: several small ones cost more than the compression. */
const outputChunk = (size: number): number => Math.max(1024, size + (size >> 7) + 128)

export function compressionOf(name: 'zstd' | 'snappy' | 'gzip' | 'none'): WriterCompression {
  switch (name) {
    case 'zstd':
      return {
        kind: CompressionKind.ZSTD,
        compress: (block) =>
          zstdCompressSync(block, {
            chunkSize: outputChunk(block.length),
            params: { [constants.ZSTD_c_compressionLevel]: ZSTD_LEVEL },
          }),
      }
    case 'snappy':
      return { kind: CompressionKind.SNAPPY, compress: snappyCompress }
    case 'gzip':
      return {
        kind: CompressionKind.ZLIB,
        compress: (block) => deflateRawSync(block, { level: 1, chunkSize: outputChunk(block.length) }),
      }
    case 'none':
      return { kind: CompressionKind.NONE, compress: null }
    default:
      return name satisfies never
  }
}

/** One block with its header; the block itself where compression does not pay. A fresh buffer of exactly its size. */
export function frameBlock(block: Uint8Array, compress: NonNullable<BlockCompressor>): Uint8Array {
  const packed = block.length < MIN_COMPRESSED ? block : compress(block)
  const original = packed.length >= block.length
  const body = original ? block : packed
  const framed = new Uint8Array(HEADER + body.length)
  const header = body.length * 2 + (original ? 1 : 0)
  framed[0] = header
  framed[1] = header >> 8
  framed[2] = header >> 16
  framed.set(body, HEADER)
  return framed
}

/** A whole message, framed. */
export function frame(bytes: Uint8Array, compress: BlockCompressor): Uint8Array {
  if (compress === null) return bytes
  const parts: Uint8Array[] = []
  for (let at = 0; at < bytes.length; at += BLOCK_SIZE) parts.push(frameBlock(bytes.subarray(at, at + BLOCK_SIZE), compress))
  return Buffer.concat(parts)
}

/** How a file's blocks are opened; `blockSize` bounds what one block may expand to. */
export type ReaderCompression = { readonly kind: CompressionKind; readonly blockSize: number }

/** Throws `UNSUPPORTED` for a codec that is not ORC v1's. */
export function knownCompression(kind: number): CompressionKind {
  for (const known of Object.values(CompressionKind)) if (known === kind) return known
  throw refused(`is compressed with codec ${kind}`, 'write it with NONE, ZLIB, SNAPPY, LZO, LZ4 or ZSTD')
}

/** Opens the block whose header is at `at`. Throws `FORMAT` when the header or the block is damaged. */
export function openBlock(
  bytes: Uint8Array,
  at: number,
  compression: ReaderCompression,
): { readonly block: Uint8Array; readonly next: number } {
  if (at + HEADER > bytes.length) throw damaged('stream', 'it ends inside a block header')
  const header = (bytes[at] as number) | ((bytes[at + 1] as number) << 8) | ((bytes[at + 2] as number) << 16)
  const start = at + HEADER
  const next = start + (header >>> 1)
  if (next > bytes.length) throw damaged('stream', `a block of ${header >>> 1} bytes reaches beyond its end`)
  const body = bytes.subarray(start, next)
  if ((header & 1) === 1) {
    // Some writers store blocks a little larger than the block size they announce; the header's 23 bits bound them.
    return { block: body, next }
  }
  return { block: decompress(body, compression), next }
}

function decompress(body: Uint8Array, { kind, blockSize }: ReaderCompression): Uint8Array {
  // `chunkSize` costs an allocation of that size per block, `maxOutputLength` bounds what a hostile block may become.
  const options = { maxOutputLength: blockSize, chunkSize: Math.min(blockSize, Math.max(1024, body.length * 8)) }
  try {
    switch (kind) {
      case CompressionKind.ZLIB:
        return inflateRawSync(body, options)
      case CompressionKind.ZSTD:
        return zstdDecompressSync(body, options)
      case CompressionKind.SNAPPY:
        return snappyDecompress(body, blockSize)
      case CompressionKind.LZ4:
        return lz4Decompress(body, blockSize)
      case CompressionKind.LZO:
        return lzoDecompress(body, blockSize)
      case CompressionKind.NONE:
        return body
      default:
        return kind satisfies never
    }
  } catch (cause) {
    throw damaged('stream', `a block of ${body.length} bytes cannot be decompressed (codec ${kind})`, { cause })
  }
}

/** A whole framed message, at most `limit` bytes. */
export function unframe(bytes: Uint8Array, compression: ReaderCompression, limit: number): Uint8Array {
  if (compression.kind === CompressionKind.NONE) return bytes
  const parts: Uint8Array[] = []
  let size = 0
  for (let at = 0; at < bytes.length; ) {
    const { block, next } = openBlock(bytes, at, compression)
    size += block.length
    if (size > limit) throw damaged('file tail', `it expands to more than ${limit} bytes`)
    parts.push(block)
    at = next
  }
  return parts.length === 1 && parts[0] !== undefined ? parts[0] : Buffer.concat(parts)
}
