/** What the store itself holds in memory: the endpoint is another process. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { scratch } from '../../support/scratch.ts'
import { s3Subject } from './s3-subject.ts'

const MIB = 1024 ** 2
const KEYS = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'not-a-secret' }
const PROGRAM = fileURLToPath(new URL('endpoint-process.ts', import.meta.url))

async function startEndpoint(directory: string): Promise<AsyncDisposable & { readonly url: string }> {
  const child = spawn(process.execPath, [PROGRAM, directory], { stdio: ['pipe', 'pipe', 'inherit'] })
  const ended = once(child, 'exit')
  const [line] = (await once(child.stdout, 'data')) as [Buffer]
  return {
    url: line.toString().trim(),
    [Symbol.asyncDispose]: async () => {
      child.stdin.end()
      await ended
    },
  }
}

test('an object of two dozen parts takes the memory of two, and four writers that of eight', { timeout: 120_000 }, async () => {
  using directory = scratch()
  await using endpoint = await startEndpoint(directory.dir)
  await using subject = await s3Subject({ endpoint: endpoint.url, ...KEYS })
  await subject.store.putIfAbsent('warm', new Uint8Array())
  const chunk = new Uint8Array(MIB)
  for (const [writers, mib, limit] of [
    [1, 192, 32],
    [4, 48, 96],
  ] as const) {
    const before = process.memoryUsage().arrayBuffers
    let highest = 0
    await Promise.all(
      Array.from({ length: writers }, async (_, index) => {
        const writer = await subject.store.openWriter(`large/${writers}/${index}`)
        for (let written = 0; written < mib; written++) {
          await writer.write(chunk)
          highest = Math.max(highest, process.memoryUsage().arrayBuffers - before)
        }
        expect(await writer.close()).toMatchObject({ size: mib * MIB })
      }),
    )
    expect(highest).toBeLessThan(limit * MIB)
  }
})
