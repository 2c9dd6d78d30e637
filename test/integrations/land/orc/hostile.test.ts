/** Damaged and hostile files: an error, soon, and without much memory. `test/soak/damaged-files.ts` does the same for minutes. */
import { zstdCompressSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { frameBlock, unframe } from '../../../../integrations/land/orc/compression.ts'
import { CompressionKind, StreamKind, TypeKind } from '../../../../integrations/land/orc/messages.ts'
import { openOrc } from '../../../../integrations/land/orc/orc-file.ts'
import { randomOf } from '../../../support/damage.ts'
import { mutate, readHostile, soundFiles } from '../../../support/hostile-orc.ts'
import { orcOfParts, rangesOf, readOrc, tableTypes } from '../../../support/orc-files.ts'

const { DATA, LENGTH } = StreamKind
const column = (kind: number, streams: readonly (readonly [number, number, readonly number[]])[], rows: number, more = {}) =>
  orcOfParts({ types: tableTypes(['c'], [{ kind }]), rows, streams, ...more })

/** Runs until the first error and says what it cost. */
async function refusal(bytes: Uint8Array): Promise<{ readonly message: string; readonly ms: number }> {
  const started = performance.now()
  const message = await readOrc(bytes).then(
    () => 'read',
    (error: Error) => error.message,
  )
  return { message, ms: performance.now() - started }
}

describe('a hostile ORC file', () => {
  it('is refused when its types go in circles, are shared, missing or nested without end', async () => {
    const struct = (subtypes: number[]) => ({ kind: TypeKind.STRUCT, subtypes, fieldNames: subtypes.map(String) })
    const deep = Array.from({ length: 3000 }, (_, i) => (i === 2999 ? { kind: TypeKind.INT } : struct([i + 1])))
    for (const types of [
      [struct([0])],
      [struct([1]), struct([1])],
      [struct([1, 1]), { kind: TypeKind.INT }],
      [struct([2, 1]), { kind: TypeKind.INT }, { kind: TypeKind.INT }],
      [struct([1])],
      [struct([]), { kind: TypeKind.INT }],
      [struct([1]), { kind: TypeKind.LIST }],
      [struct([1]), { kind: TypeKind.MAP, subtypes: [2] }, { kind: TypeKind.INT }],
      [],
      deep,
    ]) {
      const { message, ms } = await refusal(orcOfParts({ types, rows: 0 }))
      expect(message).toMatch(/^ORC .* is damaged/)
      expect(ms).toBeLessThan(1_000)
    }
  })

  it('is refused when it claims what it does not have: rows, lengths, elements, entries, blocks', async () => {
    const huge = [0x9c, 0xff, 0xff, 0xff, 0xff, 0x07]
    for (const bytes of [
      column(TypeKind.INT, [], 2 ** 50),
      column(TypeKind.INT, [[DATA, 1, [0x61, 0, 7]]], 101),
      column(TypeKind.STRING, [[LENGTH, 1, [0xff, ...huge.slice(1)]]], 1),
      column(TypeKind.STRING, [[LENGTH, 1, [0x7f, 0, 0xff, 0xff, 0xff, 0x7f]]], 130),
      column(TypeKind.STRING, [[DATA, 1, [0xff, 0]]], 1, { encodings: [{}, { kind: 3, dictionarySize: 2 ** 40 }] }),
      column(TypeKind.STRING, [[DATA, 1, [0xff, 5]]], 1, { encodings: [{}, { kind: 1, dictionarySize: 0 }] }),
      orcOfParts({
        types: tableTypes(['l'], [{ kind: TypeKind.LIST, subtypes: [2] }, { kind: TypeKind.INT }]),
        rows: 130,
        streams: [[LENGTH, 1, [0x7f, 0, 0xff, 0xff, 0xff, 0x07]]],
      }),
      column(TypeKind.INT, [], 0, { compression: 'zstd', postScript: { compressionBlockSize: 2 ** 50 } }),
      column(TypeKind.INT, [], 0, { postScript: { footerLength: 2 ** 52 } }),
      column(TypeKind.INT, [], 0, { postScript: { footerLength: 1, metadataLength: Number.MAX_SAFE_INTEGER } }),
      column(TypeKind.INT, [[DATA, 1, [0xc1]]], 5, { encodings: [{}, { kind: 2 }] }),
      column(TypeKind.UNION, [[DATA, 1, [0x61, 200]]], 10),
    ]) {
      const before = process.memoryUsage().arrayBuffers
      const { message, ms } = await refusal(bytes)
      expect(message).toMatch(/^ORC /)
      expect(ms).toBeLessThan(2_000)
      expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(300 * 1024 * 1024)
    }
  })

  it('cannot expand a block beyond what the file announces, nor its tail beyond a limit', () => {
    const bomb = frameBlock(Buffer.alloc(64 * 1024 * 1024), (block) => zstdCompressSync(block))
    const zstd = { kind: CompressionKind.ZSTD, blockSize: 262_144 }
    expect(bomb.length).toBeLessThan(10_000)
    expect(() => unframe(bomb, zstd, 2 ** 40)).toThrow(/cannot be decompressed/)
    const blocks = Buffer.concat(Array(100).fill(frameBlock(Buffer.alloc(262_144), (block) => zstdCompressSync(block))))
    expect(() => unframe(blocks, zstd, 10_000_000)).toThrow(/more than 10000000 bytes/)
  })

  it('ends in an error of ours or in rows, for every mutation', async () => {
    const files = await soundFiles()
    for (const file of files) expect((await readHostile(file)).outcome).toBe('read')
    let read = 0
    for (let i = 0; i < 400; i++) {
      const { outcome, cpuMs } = await readHostile(mutate(files, randomOf(i)))
      if (outcome === 'read') read++
      expect(cpuMs).toBeLessThan(2_000)
    }
    // Some mutations hit statistics or values only.
    expect(read).toBeGreaterThan(10)
  })

  it('is refused at every length that it is cut to', async () => {
    const [file = new Uint8Array(0)] = await soundFiles()
    for (let length = 1; length < file.length; length += 97) {
      const cut = file.subarray(0, length)
      await expect(openOrc(rangesOf(cut).read, cut.length)).rejects.toMatchObject({ code: 'FORMAT' })
    }
  })
})
