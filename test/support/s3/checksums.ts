/** The checksums that S3 verifies and keeps. Amazon S3 User Guide, "Checking object integrity". */
import { createHash } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { CRC_NAMES, type Crc64, type CrcName, crc32c, crc64, joinCrcs } from './crc-tables.ts'

/** Digest size in bytes of each algorithm. */
const SIZES = { CRC32: 4, CRC32C: 4, CRC64NVME: 8, SHA1: 20, SHA256: 32 } as const

export type ChecksumAlgorithm = keyof typeof SIZES
export type ChecksumType = 'FULL_OBJECT' | 'COMPOSITE'
/** `value` is base64; a composite one of an object ends in `-<parts>`. */
export type Checksum = { readonly algorithm: ChecksumAlgorithm; readonly type: ChecksumType; readonly value: string }

export const CHECKSUM_ALGORITHMS = Object.keys(SIZES) as readonly ChecksumAlgorithm[]

export function checksumHeader(algorithm: ChecksumAlgorithm): string {
  return `x-amz-checksum-${algorithm.toLowerCase()}`
}

export function algorithmNamed(name: string): ChecksumAlgorithm | null {
  return CHECKSUM_ALGORITHMS.find((algorithm) => algorithm === name.toUpperCase()) ?? null
}

/** Whether the text is the base64 of a digest of this algorithm. */
export function isChecksumValue(algorithm: ChecksumAlgorithm, value: string): boolean {
  const bytes = Buffer.from(value, 'base64')
  return bytes.length === SIZES[algorithm] && bytes.toString('base64') === value
}

export type RunningChecksum = { readonly update: (data: Uint8Array) => void; readonly digest: () => Buffer }

export function startChecksum(algorithm: ChecksumAlgorithm): RunningChecksum {
  switch (algorithm) {
    case 'CRC32':
      return running32(crc32)
    case 'CRC32C':
      return running32(crc32c)
    case 'CRC64NVME': {
      const state: Crc64 = { high: 0, low: 0 }
      return {
        update: (data) => crc64(data, state),
        digest: () => {
          const digest = Buffer.alloc(8)
          digest.writeUInt32BE(state.high, 0)
          digest.writeUInt32BE(state.low, 4)
          return digest
        },
      }
    }
    case 'SHA1':
    case 'SHA256': {
      const hash = createHash(algorithm.toLowerCase())
      return { update: (data) => void hash.update(data), digest: () => hash.digest() }
    }
    default:
      throw new Error(`${algorithm satisfies never}`)
  }
}

function running32(step: (data: Uint8Array, seed: number) => number): RunningChecksum {
  let crc = 0
  return {
    update: (data) => {
      crc = step(data, crc)
    },
    digest: () => {
      const digest = Buffer.alloc(4)
      digest.writeUInt32BE(crc)
      return digest
    },
  }
}

const isCrc = (algorithm: ChecksumAlgorithm): algorithm is CrcName => CRC_NAMES.some((name) => name === algorithm)

/** What an upload in parts gets when it does not choose; null when the choice is impossible. */
export function multipartChecksumType(algorithm: ChecksumAlgorithm, chosen: string | null): ChecksumType | null {
  if (algorithm === 'CRC64NVME') return chosen === null || chosen === 'FULL_OBJECT' ? 'FULL_OBJECT' : null
  if (chosen === null || chosen === 'COMPOSITE') return 'COMPOSITE'
  return chosen === 'FULL_OBJECT' && isCrc(algorithm) ? 'FULL_OBJECT' : null
}

/** Checksum of an object from those of its parts: of their digests (composite), or of all bytes (full object). */
export function joinChecksums(
  algorithm: ChecksumAlgorithm,
  type: ChecksumType,
  parts: readonly { readonly value: string; readonly size: number }[],
): Checksum {
  const digests = parts.map(({ value }) => Buffer.from(value, 'base64'))
  if (type === 'COMPOSITE') {
    const whole = startChecksum(algorithm)
    for (const digest of digests) whole.update(digest)
    return { algorithm, type, value: `${whole.digest().toString('base64')}-${parts.length}` }
  }
  if (!isCrc(algorithm)) throw new Error(`${algorithm} of a whole object cannot be told from its parts`)
  const joined = joinCrcs(
    algorithm,
    parts.map(({ size }, index) => ({ crc: BigInt(`0x${digests[index]?.toString('hex')}`), size })),
  )
  const hex = joined.toString(16).padStart(SIZES[algorithm] * 2, '0')
  return { algorithm, type, value: Buffer.from(hex, 'hex').toString('base64') }
}
