/** What every `OnlineStore` must do. A connector's test calls `onlineStoreContract` with a way to open an empty one. */
import { describe, expect, test } from 'vitest'
import type { Position } from '../../connectors/change.ts'
import type { OnlineEntry, OnlineStore } from '../../connectors/ports.ts'

export type OnlineStoreSubject = AsyncDisposable & {
  readonly store: OnlineStore
  /** The same entries through another client, as another process would see them. */
  readonly another: () => Promise<OnlineStore>
  /** A moment that the store takes for past, and one that it takes for future. */
  readonly past: Date
  readonly future: Date
}

const position = (n: number): Position => `0001-${String(n).padStart(16, '0')}-00000001` as Position

const entry = (over: Partial<OnlineEntry> = {}): OnlineEntry => ({
  view: 'client_loans',
  entity: 'c1',
  definition: 'd1',
  position: position(5),
  validUntil: null,
  values: { loans: 3 },
  ...over,
})

export function onlineStoreContract(name: string, open: () => Promise<OnlineStoreSubject>): void {
  describe(`online store contract: ${name}`, () => {
    const signal = new AbortController().signal
    const get = (store: OnlineStore, view = 'client_loans', entity = 'c1', definition = 'd1') =>
      store.get(view, entity, definition, signal)

    test('an entry is read back as it was put, by another client too', async () => {
      await using subject = await open()
      const values = { n: -0.5, big: '9007199254740993', text: 'a:b|c "é" 漢', yes: true, none: null }
      await subject.store.put([entry({ values, validUntil: subject.future })], signal)
      expect(await get(subject.store)).toEqual(entry({ values, validUntil: subject.future }))
      await using other = await subject.another()
      expect(await get(other)).toEqual(entry({ values, validUntil: subject.future }))
    })

    test('what was never put is null', async () => {
      await using subject = await open()
      expect(await get(subject.store)).toBeNull()
    })

    test('a write below the stored position is ignored, one at it is a repeat, one above it wins', async () => {
      await using subject = await open()
      await subject.store.put([entry()], signal)
      await subject.store.put([entry({ position: position(4), values: { loans: 2 } })], signal)
      expect((await get(subject.store))?.values).toEqual({ loans: 3 })
      await subject.store.put([entry()], signal)
      expect(await get(subject.store)).toEqual(entry())
      await subject.store.put([entry({ position: position(6), values: { loans: 4 } })], signal)
      expect((await get(subject.store))?.values).toEqual({ loans: 4 })
    })

    test('within one put the highest position wins, in any order', async () => {
      await using subject = await open()
      const versions = [3, 9, 6].map((n) => entry({ position: position(n), values: { loans: n } }))
      await subject.store.put(versions, signal)
      expect((await get(subject.store))?.values).toEqual({ loans: 9 })
    })

    test('entries of other views, entities and definitions are kept apart, awkward names included', async () => {
      await using subject = await open()
      const names = [
        ['a', 'b:c'],
        ['a:b', 'c'],
        ['a"b', 'c\u0000d'],
        ['a b', '{}*?'],
      ] as const
      await subject.store.put(
        names.map(([view, entity], index) => entry({ view, entity, values: { index } })),
        signal,
      )
      for (const [index, [view, entity]] of names.entries()) {
        expect((await get(subject.store, view, entity))?.values).toEqual({ index })
      }
      expect(await get(subject.store, 'a', 'b:c', 'd2')).toBeNull()
    })

    test('an entry of another definition is null, whatever its position', async () => {
      await using subject = await open()
      await subject.store.put([entry({ position: position(9) })], signal)
      expect(await get(subject.store, 'client_loans', 'c1', 'd2')).toBeNull()
      await subject.store.put([entry({ definition: 'd2', position: position(1), values: { loans: 1 } })], signal)
      expect((await get(subject.store, 'client_loans', 'c1', 'd2'))?.values).toEqual({ loans: 1 })
    })

    test('an expired entry is null', async () => {
      await using subject = await open()
      await subject.store.put([entry({ validUntil: subject.past }), entry({ entity: 'c2', validUntil: subject.future })], signal)
      expect(await get(subject.store)).toBeNull()
      expect(await get(subject.store, 'client_loans', 'c2')).not.toBeNull()
    })

    test('a thousand entries go in one put', async () => {
      await using subject = await open()
      await subject.store.put(
        Array.from({ length: 1000 }, (_, n) => entry({ entity: `e${n}`, values: { n } })),
        signal,
      )
      expect((await get(subject.store, 'client_loans', 'e999'))?.values).toEqual({ n: 999 })
    })

    test('racing writers leave the highest position', async () => {
      await using subject = await open()
      await using other = await subject.another()
      await Promise.all(
        Array.from({ length: 40 }, (_, n) =>
          (n % 2 === 0 ? subject.store : other).put(
            [entry({ position: position((n * 7) % 40), values: { n: (n * 7) % 40 } })],
            signal,
          ),
        ),
      )
      expect((await get(subject.store))?.values).toEqual({ n: 39 })
    })

    test('an aborted call is refused', async () => {
      await using subject = await open()
      await expect(subject.store.put([entry()], AbortSignal.abort())).rejects.toMatchObject({ code: 'ABORTED' })
      await expect(subject.store.get('v', 'e', 'd', AbortSignal.abort())).rejects.toMatchObject({ code: 'ABORTED' })
    })
  })
}
