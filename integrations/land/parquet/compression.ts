/** Page compression (Compression.md): each page is compressed on its own, without a file-level frame. */
import { promisify } from 'node:util'
import { constants, gzipSync, zstdCompress, zstdCompressSync } from 'node:zlib'
import type { FileWriterOptions } from '../file-writer.ts'
import { CompressionCodec } from './format.ts'
import { snappyCompress } from './snappy.ts'
import { MAX_RAW_FRAME_BYTES, rawZstdFrame } from './zstd-frame.ts'

export type Compressor = {
  readonly codec: CompressionCodec
  /** Inputs are used again at once: nothing refers to them afterwards. A large page is compressed in another thread. */
  readonly compress: (page: Uint8Array) => Uint8Array | Promise<Uint8Array>
}

/** A smaller page is compressed in the time that handing it over takes. */
const MIN_AWAY_BYTES = 96 * 1024
/** Pages of all files in other threads. Where these do not keep up, this one does not wait for them. */
const MAX_AWAY = 2

const zstdElsewhere = promisify(zstdCompress)
let away = 0

/**
 * Level 1, with tables that stay in the processor's cache and matches from four bytes on: binary columns repeat in short
 * pieces. On payment rows as fast as the level's own settings and 8 % smaller.
 */
const ZSTD_PARAMETERS = {
  [constants.ZSTD_c_compressionLevel]: 1,
  [constants.ZSTD_c_hashLog]: 13,
  [constants.ZSTD_c_windowLog]: 18,
  [constants.ZSTD_c_minMatch]: 4,
}

/** One output chunk that holds any result: several small ones cost more than the compression. */
const outputChunk = (size: number): number => Math.max(1024, size + (size >> 7) + 128)

/** A copy without the room left in the output chunk: compressed pages wait for the end of their row group. */
const tight = (bytes: Uint8Array): Uint8Array => new Uint8Array(bytes)

export function compressorOf(compression: FileWriterOptions['compression']): Compressor {
  switch (compression) {
    case 'zstd':
      return {
        codec: CompressionCodec.ZSTD,
        compress: (page) => {
          if (page.length <= MAX_RAW_FRAME_BYTES) return rawZstdFrame(page)
          // The size told beforehand makes one frame header of both ways.
          const { length } = page
          const options = { chunkSize: outputChunk(length), params: ZSTD_PARAMETERS, pledgedSrcSize: length }
          if (page.length < MIN_AWAY_BYTES || away === MAX_AWAY) return tight(zstdCompressSync(page, options))
          away++
          return zstdElsewhere(page.slice(), options)
            .then(tight)
            .finally(() => away--)
        },
      }
    case 'snappy':
      return { codec: CompressionCodec.SNAPPY, compress: (page) => tight(snappyCompress(page)) }
    case 'gzip':
      return { codec: CompressionCodec.GZIP, compress: (page) => tight(gzipSync(page, { chunkSize: outputChunk(page.length) })) }
    case 'none':
      return { codec: CompressionCodec.UNCOMPRESSED, compress: (page) => page.slice() }
    default:
      return compression satisfies never
  }
}
