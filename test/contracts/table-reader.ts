/** What every `TableReader` must do. A test calls `tableReaderContract` with a way to open one over the contract's rows. */
import { describe, expect, test } from 'vitest'
import type { TableReader } from '../../connectors/tables.ts'
import { linesOf } from '../support/table-rows.ts'
import { COLUMNS, LINES, shapeOf } from './table-rows.ts'

export type ReaderSubject = AsyncDisposable & {
  /** A fresh reader; `columns` null = all. */
  readonly open: (columns: readonly string[] | null) => Promise<TableReader>
  /** What the rows are in a system that cannot hold them as they are. Absent: those of the contract. */
  readonly shows?: { readonly shape: readonly string[]; readonly lines: readonly string[] }
}

export function tableReaderContract(name: string, open: () => Promise<ReaderSubject>): void {
  describe(`table reader contract: ${name}`, () => {
    test('it yields every row once, exactly, in columns of the types that it said', async () => {
      await using subject = await open()
      await using reader = await subject.open(null)
      const { shape, lines } = subject.shows ?? { shape: shapeOf(COLUMNS), lines: LINES }
      expect(shapeOf(reader.columns)).toEqual(shape)
      expect((await linesOf(reader)).toSorted()).toEqual([...lines].toSorted())
    })

    test('wanted columns come in the order asked for; an unknown one is refused by name', async () => {
      await using subject = await open()
      await using reader = await subject.open(['Odd "name"', 'id'])
      expect(shapeOf(reader.columns)).toEqual(['Odd "name": utf8', 'id: int64'])
      expect((await linesOf(reader)).toSorted()).toContain('\\N | -9223372036854775808')
      await expect(subject.open(['nobody'])).rejects.toThrow('"nobody"')
    })

    test('equal fingerprints mean equal rows: other columns have another', async () => {
      await using subject = await open()
      await using all = await subject.open(null)
      await using again = await subject.open(null)
      await using one = await subject.open(['id'])
      expect(again.fingerprint).toBe(all.fingerprint)
      if (all.fingerprint !== null) expect(one.fingerprint).not.toBe(all.fingerprint)
    })

    test('an abort ends it', async () => {
      await using subject = await open()
      await using reader = await subject.open(null)
      const stop = new AbortController()
      stop.abort()
      const reading = async (): Promise<void> => {
        for await (const { release } of reader.rows(stop.signal)) release()
      }
      await expect(reading()).rejects.toThrow()
    })
  })
}
