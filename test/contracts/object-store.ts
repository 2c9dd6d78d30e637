/** What every `ObjectStore` must do. A connector's test calls `objectStoreContract` with a way to open an empty store. */
import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ConnectorError } from '../../connectors/errors.ts'
import type { ObjectStore } from '../../connectors/ports.ts'
import { objectStoreLogContract } from './object-store-log.ts'

export type ObjectStoreSubject = AsyncDisposable & {
  readonly store: ObjectStore
  /** The same objects through another client, as another process would see them. */
  readonly another: () => Promise<ObjectStore>
  /** Parts of unfinished objects that the store still holds, where it can tell. */
  readonly leftovers?: () => Promise<readonly string[]>
}

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const text = (found: Uint8Array | null): string | null => (found === null ? null : new TextDecoder().decode(found))
const code = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'no error',
    (error: unknown) => (error instanceof ConnectorError ? error.code : `${String(error)}`),
  )

async function keysOf(store: ObjectStore, prefix: string, after?: string): Promise<string[]> {
  const keys: string[] = []
  for await (const info of store.list(prefix, after === undefined ? {} : { after })) keys.push(info.key)
  return keys
}

/** Keys whose order differs between byte order, directory order and locale order. */
const ODD_KEYS = [
  'a%20b/c',
  'a-b',
  'a-c/d',
  'a.b',
  'a.c/d/e',
  'a/0',
  'a0',
  'aB',
  'a=b/c',
  'a_b/c',
  'd/A',
  'd/a',
  'd/_x',
  'd/0',
  'd/a.b/c',
  'd/ab',
]

/** `holdsObjectsInMemory` lifts the memory bound of streamed objects. */
export function objectStoreContract(
  name: string,
  open: () => Promise<ObjectStoreSubject>,
  options: { readonly holdsObjectsInMemory?: boolean } = {},
): void {
  objectStoreLogContract(name, open, options)

  describe(`object store contract: ${name}`, () => {
    test('an object is read back as it was put, at once and from elsewhere', async () => {
      await using subject = await open()
      expect(await subject.store.putIfAbsent('x/y.json', bytes('hello'))).toBe('created')
      expect(text(await subject.store.get('x/y.json'))).toBe('hello')
      const other = await subject.another()
      expect(text(await other.get('x/y.json'))).toBe('hello')
      expect(await other.head('x/y.json')).toMatchObject({ key: 'x/y.json', size: 5 })
      expect(await keysOf(other, 'x/')).toEqual(['x/y.json'])
    })

    test('a second put changes nothing and says exists, also for the same bytes', async () => {
      await using subject = await open()
      await subject.store.putIfAbsent('k', bytes('first'))
      expect(await subject.store.putIfAbsent('k', bytes('second'))).toBe('exists')
      expect(await subject.store.putIfAbsent('k', bytes('first'))).toBe('exists')
      expect(text(await subject.store.get('k'))).toBe('first')
      expect(await keysOf(subject.store, '')).toEqual(['k'])
    })

    test('of twenty racers one wins and its bytes stay', async () => {
      await using subject = await open()
      const other = await subject.another()
      const answers = await Promise.all(
        Array.from({ length: 20 }, (_, racer) =>
          (racer % 2 === 0 ? subject.store : other).putIfAbsent('log/1', bytes(`racer ${racer}`)),
        ),
      )
      expect(answers.filter((answer) => answer === 'created')).toHaveLength(1)
      expect(text(await subject.store.get('log/1'))).toBe(`racer ${answers.indexOf('created')}`)
    })

    test('an absent object is null', async () => {
      await using subject = await open()
      await subject.store.putIfAbsent('d/e', bytes('x'))
      for (const key of ['nothing', 'd', 'd/e/f', 'd/nothing']) {
        expect(await subject.store.get(key)).toBeNull()
        expect(await subject.store.head(key)).toBeNull()
      }
    })

    test('ranges are half open and end with the object', async () => {
      await using subject = await open()
      await subject.store.putIfAbsent('r', bytes('0123456789'))
      const range = async (start: number, end: number) => text(await subject.store.get('r', { range: { start, end } }))
      expect(await range(0, 10)).toBe('0123456789')
      expect(await range(2, 5)).toBe('234')
      expect(await range(8, 99)).toBe('89')
      expect(await range(4, 4)).toBe('')
      expect(await range(10, 12)).toBe('')
    })

    test('an empty object exists', async () => {
      await using subject = await open()
      expect(await subject.store.putIfAbsent('empty', new Uint8Array())).toBe('created')
      expect((await subject.store.get('empty'))?.length).toBe(0)
      expect(await subject.store.head('empty')).toMatchObject({ size: 0 })
    })

    test('a writer is invisible until it is closed, then whole', async () => {
      await using subject = await open()
      const writer = await subject.store.openWriter('w/part-0')
      await writer.write(bytes('one '))
      await writer.write(bytes('two'))
      expect(writer.bytesWritten).toBe(7)
      expect(await subject.store.get('w/part-0')).toBeNull()
      expect(await keysOf(subject.store, '')).toEqual([])
      const stored = await writer.close()
      expect(stored).toEqual({ key: 'w/part-0', size: 7, sha256: createHash('sha256').update('one two').digest('hex') })
      expect(text(await subject.store.get('w/part-0'))).toBe('one two')
    })

    test('a chunk may be reused once its write has settled', async () => {
      await using subject = await open()
      const chunk = Buffer.from('aaaa')
      const writer = await subject.store.openWriter('reuse')
      await writer.write(chunk)
      chunk.fill(98)
      await writer.write(chunk)
      await writer.close()
      expect(text(await subject.store.get('reuse'))).toBe('aaaabbbb')
    })

    test('an aborted or disposed writer leaves nothing and refuses to go on', async () => {
      await using subject = await open()
      const writer = await subject.store.openWriter('gone')
      await writer.write(bytes('x'))
      await writer.abort()
      await writer.abort()
      expect(await code(writer.close())).toBe('INTERNAL')
      {
        await using disposed = await subject.store.openWriter('gone')
        await disposed.write(bytes('x'))
      }
      expect(await keysOf(subject.store, '')).toEqual([])
      expect(await subject.store.putIfAbsent('gone', bytes('y'))).toBe('created')
    })

    test('a writer does not replace an object that appeared meanwhile', async () => {
      await using subject = await open()
      const writer = await subject.store.openWriter('taken')
      await writer.write(bytes('late'))
      await subject.store.putIfAbsent('taken', bytes('early'))
      expect(await code(writer.close())).toBe('STORE')
      expect(text(await subject.store.get('taken'))).toBe('early')
    })

    test('keys are listed in byte order of the whole key, by prefix and after a key', async () => {
      await using subject = await open()
      for (const key of [...ODD_KEYS].reverse()) await subject.store.putIfAbsent(key, bytes(key))
      const stored = [...ODD_KEYS].sort()
      expect(await keysOf(subject.store, '')).toEqual(stored)
      for (const prefix of ['a', 'a.', 'a-', 'a/', 'd', 'd/', 'd/a', 'd/a.b/c', 'nothing/']) {
        expect(await keysOf(subject.store, prefix)).toEqual(stored.filter((key) => key.startsWith(prefix)))
      }
      for (const after of [...stored, 'a/', 'a/~', 'b', 'd/a.b/', 'zzz']) {
        expect(await keysOf(subject.store, '', after)).toEqual(stored.filter((key) => key > after))
        expect(await keysOf(subject.store, 'd/', after)).toEqual(stored.filter((key) => key.startsWith('d/') && key > after))
      }
    })

    test('any set of keys is listed in order', async () => {
      const segment = fc.stringMatching(/^[A-Za-z0-9_=%-][A-Za-z0-9._=%-]{0,3}$/)
      const key = fc.array(segment, { minLength: 1, maxLength: 3 }).map((segments) => `${segments.join('/')}/o`)
      await fc.assert(
        fc.asyncProperty(fc.uniqueArray(key, { maxLength: 12 }), fc.string({ maxLength: 3 }), async (keys, after) => {
          await using subject = await open()
          const usable = keys.filter((each) => !keys.some((other) => other.startsWith(`${each}/`)))
          await Promise.all(usable.map((each) => subject.store.putIfAbsent(each, bytes(each))))
          expect(await keysOf(subject.store, '', after)).toEqual(usable.filter((each) => each > after).sort())
        }),
        { numRuns: 25 },
      )
    })

    test('a listing is lazy: objects deleted while it runs are left out, and it can be left early', async () => {
      await using subject = await open()
      for (const key of ['p/1/o', 'p/2/o', 'p/3/o']) await subject.store.putIfAbsent(key, bytes(key))
      const seen: string[] = []
      for await (const { key } of subject.store.list('p/')) {
        seen.push(key)
        if (key === 'p/2/o') break
      }
      expect(seen).toEqual(['p/1/o', 'p/2/o'])
    })

    test('deleting is idempotent and the key is free again', async () => {
      await using subject = await open()
      await subject.store.putIfAbsent('t/a/1', bytes('1'))
      await subject.store.putIfAbsent('t/b/2', bytes('2'))
      await subject.store.delete(['t/a/1', 't/absent', 't/a/1'])
      await subject.store.delete([])
      expect(await keysOf(subject.store, 't/')).toEqual(['t/b/2'])
      expect(await subject.store.get('t/a/1')).toBeNull()
      expect(await subject.store.putIfAbsent('t/a/1', bytes('again'))).toBe('created')
      expect(text(await subject.store.get('t/a/1'))).toBe('again')
    })

    test('keys outside the alphabet are refused', async () => {
      await using subject = await open()
      for (const key of [
        '',
        '/a',
        'a/',
        'a//b',
        '.',
        '../x',
        'a/../b',
        'a b',
        'ä',
        'a\\b',
        'a:b',
        'a\u0000b',
        '.tmp-x',
        `a/.tmp-x/b`,
        'x'.repeat(256),
      ]) {
        expect(await code(subject.store.putIfAbsent(key, bytes('x')))).toBe('STORE')
        expect(await code(subject.store.openWriter(key))).toBe('STORE')
        expect(await code(subject.store.delete([key]))).toBe('STORE')
      }
      for (const key of ['', '/a', 'a/', 'a//b', '.', '../x', 'a/../b', 'a\u0000b', '.tmp-x', `a/.tmp-x/b`, 'x'.repeat(256)]) {
        expect(await code(subject.store.get(key))).toBe('STORE')
        expect(await code(subject.store.head(key))).toBe('STORE')
      }
      expect(await keysOf(subject.store, '')).toEqual([])
    })

    test('keys of other writers are read, whatever characters they have', async () => {
      await using subject = await open()
      for (const key of ['a b', 'ä', 'a:b', 'country=a%2Fb c%3Aü%25/000000_0']) {
        expect(await subject.store.get(key)).toBeNull()
        expect(await subject.store.head(key)).toBeNull()
      }
    })

    test('an aborted signal stops every call and leaves nothing', async () => {
      await using subject = await open()
      await subject.store.putIfAbsent('there', bytes('x'))
      const signal = AbortSignal.abort()
      const writing = new AbortController()
      const writer = await subject.store.openWriter('w', writing.signal)
      await writer.write(bytes('x'))
      writing.abort()
      expect(await code(writer.close())).toBe('ABORTED')
      expect(await code(subject.store.putIfAbsent('k', bytes('x'), signal))).toBe('ABORTED')
      expect(await code(subject.store.openWriter('k', signal))).toBe('ABORTED')
      expect(await code(subject.store.get('there', { signal }))).toBe('ABORTED')
      expect(await code(subject.store.head('there', signal))).toBe('ABORTED')
      expect(await code(subject.store.delete(['there'], signal))).toBe('ABORTED')
      expect(await code(subject.store.list('', { signal })[Symbol.asyncIterator]().next())).toBe('ABORTED')
      expect(await keysOf(subject.store, '')).toEqual(['there'])
    })

    test('a large object is streamed', async () => {
      await using subject = await open()
      const chunk = new Uint8Array(1024 ** 2)
      const hash = createHash('sha256')
      const before = process.memoryUsage().arrayBuffers
      let highest = 0
      const writer = await subject.store.openWriter('large')
      for (let index = 0; index < 64; index++) {
        chunk.fill(index)
        hash.update(chunk)
        await writer.write(chunk)
        highest = Math.max(highest, process.memoryUsage().arrayBuffers - before)
      }
      const stored = await writer.close()
      expect(stored).toEqual({ key: 'large', size: 64 * 1024 ** 2, sha256: hash.digest('hex') })
      expect(await subject.store.get('large', { range: { start: 5 * 1024 ** 2 - 1, end: 5 * 1024 ** 2 + 1 } })).toEqual(
        new Uint8Array([4, 5]),
      )
      if (options.holdsObjectsInMemory !== true) expect(highest).toBeLessThan(24 * 1024 ** 2)
    })

    test('writers of many objects work side by side', async () => {
      await using subject = await open()
      const keys = Array.from({ length: 40 }, (_, index) => `many/${String(index).padStart(2, '0')}`)
      await Promise.all(
        keys.map(async (key) => {
          const writer = await subject.store.openWriter(key)
          await writer.write(bytes(key))
          await writer.close()
        }),
      )
      expect(await keysOf(subject.store, 'many/')).toEqual(keys)
    })

    test('a usable store has no problems and its addresses differ', async () => {
      await using subject = await open()
      expect((await subject.store.check(new AbortController().signal)).filter((problem) => problem.severity === 'error')).toEqual(
        [],
      )
      expect(subject.store.address('a/b')).toMatch(/a\/b$/)
      expect(subject.store.address('a/b')).not.toBe(subject.store.address('a/c'))
      expect(await keysOf(subject.store, '')).toEqual([])
    })
  })
}
