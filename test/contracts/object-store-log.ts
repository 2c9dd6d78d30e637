/** What the commit log and its writers rely on beyond single calls: races, order, size, answers that are lost. */
import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { ConnectorError } from '../../connectors/errors.ts'
import type { ObjectInfo, ObjectStore } from '../../connectors/ports.ts'
import type { ObjectStoreSubject } from './object-store.ts'

const MIB = 1024 ** 2
/** More than one page of S3's listing and more than one batch of its deletion. */
const MANY = 1_204

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const text = (found: Uint8Array | null): string | null => (found === null ? null : new TextDecoder().decode(found))
const number = (n: number): string => String(n).padStart(20, '0')
const code = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'no error',
    (error: unknown) => (error instanceof ConnectorError ? error.code : `${String(error)}`),
  )

async function listed(store: ObjectStore, prefix: string, after?: string): Promise<ObjectInfo[]> {
  const found: ObjectInfo[] = []
  for await (const info of store.list(prefix, after === undefined ? {} : { after })) found.push(info)
  return found
}

const keysOf = async (store: ObjectStore, prefix: string, after?: string): Promise<string[]> =>
  (await listed(store, prefix, after)).map(({ key }) => key)

/** Content that differs at every offset of a part, so that a part in the wrong place is seen. */
function* pieces(size: number, step: number): Generator<Uint8Array> {
  for (let offset = 0; offset < size; offset += step) {
    const piece = new Uint8Array(Math.min(step, size - offset))
    const words = new DataView(piece.buffer)
    for (let at = 0; at + 4 <= piece.length; at += 4) words.setUint32(at, offset + at)
    yield piece
  }
}

async function writeAll(store: ObjectStore, key: string, size: number) {
  const hash = createHash('sha256')
  const writer = await store.openWriter(key)
  for (const piece of pieces(size, 1_000_004)) {
    hash.update(piece)
    await writer.write(piece)
  }
  return { writer, sha256: hash.digest('hex') }
}

/** At most 32 calls at once. */
async function forMany(count: number, action: (index: number) => Promise<unknown>): Promise<void> {
  let next = 0
  const worker = async () => {
    while (next < count) await action(next++)
  }
  await Promise.all(Array.from({ length: 32 }, worker))
}

export function objectStoreLogContract(
  name: string,
  open: () => Promise<ObjectStoreSubject>,
  options: { readonly holdsObjectsInMemory?: boolean } = {},
): void {
  describe(`object store contract, what the commit log relies on: ${name}`, () => {
    test('of twenty racers one wins every round, also when all write the same bytes', async () => {
      await using subject = await open()
      const stores = [subject.store, await subject.another()]
      for (let round = 1; round <= 5; round++) {
        const racers = Array.from({ length: 20 }, (_, racer) =>
          stores[racer % 2]?.putIfAbsent(`log/${number(round)}`, bytes(round === 5 ? 'same' : `racer ${racer}`)),
        )
        const answers = await Promise.all(racers)
        expect(answers.filter((answer) => answer === 'created')).toHaveLength(1)
        const winner = round === 5 ? 'same' : `racer ${answers.indexOf('created')}`
        expect(text(await subject.store.get(`log/${number(round)}`))).toBe(winner)
      }
      expect(await keysOf(subject.store, 'log/')).toHaveLength(5)
    })

    test('of eight writers of one key one publishes, and its bytes are whole', async () => {
      await using subject = await open()
      const stores = [subject.store, await subject.another()]
      const writers = await Promise.all(
        Array.from({ length: 8 }, async (_, racer) => {
          const writer = await stores[racer % 2]?.openWriter('data/one')
          await writer?.write(bytes(`writer ${racer} `))
          await writer?.write(bytes('all'))
          return writer
        }),
      )
      const outcomes = await Promise.allSettled(writers.map((writer) => writer?.close()))
      const winners = outcomes.flatMap(({ status }, racer) => (status === 'fulfilled' ? [racer] : []))
      expect(winners).toHaveLength(1)
      expect(text(await subject.store.get('data/one'))).toBe(`writer ${winners[0]} all`)
    })

    test('every commit is read, found and listed at once by another client, and gone at once when deleted', async () => {
      await using subject = await open()
      const other = await subject.another()
      for (let commit = 1; commit <= 25; commit++) {
        const key = `log/${number(commit)}`
        expect(await subject.store.putIfAbsent(key, bytes(`${commit}`))).toBe('created')
        expect(text(await other.get(key))).toBe(`${commit}`)
        expect(await other.head(key)).toMatchObject({ key, size: `${commit}`.length })
        expect(await keysOf(other, 'log/', `log/${number(commit - 1)}`)).toEqual([key])
        expect(await other.putIfAbsent(key, bytes('late'))).toBe('exists')
      }
      await other.delete([`log/${number(25)}`])
      expect(await subject.store.get(`log/${number(25)}`)).toBeNull()
      expect(await keysOf(subject.store, 'log/', `log/${number(23)}`)).toEqual([`log/${number(24)}`])
    })

    test('an object of several parts has all bytes in their places', async () => {
      await using subject = await open()
      const size = 21 * MIB + 12_345
      const { writer, sha256 } = await writeAll(subject.store, 'big/one', size)
      expect(await keysOf(subject.store, '')).toEqual([])
      expect(await writer.close()).toEqual({ key: 'big/one', size, sha256 })
      expect(await listed(await subject.another(), 'big/')).toMatchObject([{ key: 'big/one', size }])
      const whole = await subject.store.get('big/one')
      expect(
        createHash('sha256')
          .update(whole ?? new Uint8Array())
          .digest('hex'),
      ).toBe(sha256)
      for (const [start, end] of [
        [8 * MIB - 3, 8 * MIB + 3],
        [0, 1],
        [size - 5, size + 100],
        [5 * MIB, 13 * MIB],
      ] as const) {
        const part = await subject.store.get('big/one', { range: { start, end } })
        expect(Buffer.compare(part ?? new Uint8Array(), (whole ?? new Uint8Array()).subarray(start, end))).toBe(0)
      }
      expect(await subject.store.get('big/one', { range: { start: size, end: size + 1 } })).toEqual(new Uint8Array())
    })

    test('an object of exactly one and of exactly two parts is whole', async () => {
      await using subject = await open()
      for (const size of [8 * MIB - 1, 8 * MIB, 8 * MIB + 1, 16 * MIB]) {
        const { writer, sha256 } = await writeAll(subject.store, `exact/${size}`, size)
        expect(await writer.close()).toEqual({ key: `exact/${size}`, size, sha256 })
        expect(await subject.store.head(`exact/${size}`)).toMatchObject({ size })
      }
    })

    test('a large writer that is aborted, disposed or stopped leaves nothing, and its key is free', async () => {
      await using subject = await open()
      const { writer } = await writeAll(subject.store, 'gone', 18 * MIB)
      await writer.abort()
      {
        await using _disposed = (await writeAll(subject.store, 'gone', 18 * MIB)).writer
      }
      const stop = new AbortController()
      const stopped = await subject.store.openWriter('gone', stop.signal)
      await stopped.write(new Uint8Array(9 * MIB))
      stop.abort()
      expect(await code(stopped.write(new Uint8Array(9 * MIB)))).toBe('ABORTED')
      expect(await keysOf(subject.store, '')).toEqual([])
      expect(await subject.store.putIfAbsent('gone', bytes('y'))).toBe('created')
      expect(await subject.leftovers?.()).toEqual(subject.leftovers === undefined ? undefined : [])
    })

    test('a large writer does not replace an object that appeared meanwhile', async () => {
      await using subject = await open()
      const { writer } = await writeAll(subject.store, 'taken', 18 * MIB)
      await (await subject.another()).putIfAbsent('taken', bytes('early'))
      expect(await code(writer.close())).toBe('STORE')
      expect(text(await subject.store.get('taken'))).toBe('early')
      expect(await subject.leftovers?.()).toEqual(subject.leftovers === undefined ? undefined : [])
    })

    test('many objects are listed in order, from any of them on, and deleted in one call', async () => {
      await using subject = await open()
      const keys = Array.from({ length: MANY }, (_, index) => `many/${index % 7}/${number(index)}`).sort()
      await forMany(MANY, (index) => subject.store.putIfAbsent(keys[index] ?? '', bytes(`${index}`)))
      const infos = await listed(subject.store, 'many/')
      expect(infos.map(({ key }) => key)).toEqual(keys)
      expect(infos.every(({ size }, index) => size === `${index}`.length)).toBe(true)
      for (const at of [0, 1, 998, 999, 1_000, 1_001, MANY - 1]) {
        expect(await keysOf(subject.store, 'many/', keys[at])).toEqual(keys.slice(at + 1))
      }
      const first: string[] = []
      for await (const { key } of subject.store.list('many/')) {
        first.push(key)
        if (first.length === 3) break
      }
      expect(first).toEqual(keys.slice(0, 3))
      await subject.store.delete([...keys.slice(1), 'many/absent'])
      expect(await keysOf(subject.store, '')).toEqual([keys[0]])
    }, 120_000)

    if (options.holdsObjectsInMemory !== true) {
      test('forty writers hold what they were given, not a part each', async () => {
        await using subject = await open()
        const before = process.memoryUsage().arrayBuffers
        const writers = await Promise.all(Array.from({ length: 40 }, (_, index) => subject.store.openWriter(`small/${index}`)))
        await Promise.all(writers.map((writer) => writer.write(new Uint8Array(1000))))
        expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(16 * MIB)
        await Promise.all(writers.map((writer) => writer.abort()))
      })
    }
  })
}

/** For stores over a network: the write takes effect, its answer does not arrive. */
export function lostAnswerContract(
  name: string,
  open: () => Promise<ObjectStoreSubject & { readonly loseAnswers: (times: number) => void }>,
): void {
  describe(`object store contract, lost answers: ${name}`, () => {
    test('a put whose answer is lost is created, once, however often it is asked for', async () => {
      await using subject = await open()
      await subject.store.putIfAbsent('before', bytes('x'))
      for (const times of [1, 2]) {
        subject.loseAnswers(times)
        expect(await subject.store.putIfAbsent(`log/${times}`, bytes('ours'))).toBe('created')
        expect(await subject.store.putIfAbsent(`log/${times}`, bytes('ours'))).toBe('exists')
      }
      expect(await keysOf(subject.store, 'log/')).toEqual(['log/1', 'log/2'])
    })

    test("a lost answer about another's object stays exists, also for the same bytes", async () => {
      await using subject = await open()
      const other = await subject.another()
      await other.putIfAbsent('log/1', bytes('theirs'))
      subject.loseAnswers(1)
      expect(await subject.store.putIfAbsent('log/1', bytes('ours'))).toBe('exists')
      subject.loseAnswers(1)
      expect(await subject.store.putIfAbsent('log/1', bytes('theirs'))).toBe('exists')
      expect(text(await subject.store.get('log/1'))).toBe('theirs')
    })

    test('of twenty racers one wins although answers are lost', async () => {
      await using subject = await open()
      const other = await subject.another()
      await Promise.all([subject.store.putIfAbsent('warm/1', bytes('')), other.putIfAbsent('warm/2', bytes(''))])
      for (let round = 1; round <= 5; round++) {
        subject.loseAnswers(5)
        const answers = await Promise.all(
          Array.from({ length: 20 }, (_, racer) =>
            (racer % 2 === 0 ? subject.store : other).putIfAbsent(`log/${round}`, bytes('same')),
          ),
        )
        expect(answers.filter((answer) => answer === 'created')).toHaveLength(1)
      }
    })

    test('a writer whose last answer is lost has published its object', async () => {
      await using subject = await open()
      for (const size of [1000, 17 * MIB]) {
        const { writer, sha256 } = await writeAll(subject.store, `data/${size}`, size)
        subject.loseAnswers(1)
        expect(await writer.close()).toEqual({ key: `data/${size}`, size, sha256 })
      }
    })
  })
}
