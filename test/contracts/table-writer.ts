/** What every `TableWriter` must do. A test calls `tableWriterContract` with a way to write the contract's columns and to read them back. */
import { describe, expect, test } from 'vitest'
import { ConnectorError } from '../../connectors/errors.ts'
import type { TableBatch, TableWriter, TransferMode } from '../../connectors/tables.ts'
import { batches, COLUMNS, LINES, ROWS } from './table-rows.ts'

export type WriterSubject = AsyncDisposable & {
  readonly modes: readonly TransferMode[]
  readonly open: (mode: TransferMode) => Promise<TableWriter>
  /** Rows of the target as `linesOf` shows them; null when there is no target. */
  readonly read: () => Promise<readonly string[] | null>
}

const signal = new AbortController().signal

async function* broken(): AsyncGenerator<TableBatch> {
  yield* batches(ROWS.slice(0, 2))
  throw new ConnectorError('BAD_VALUE', 'the third row cannot be read')
}

export function tableWriterContract(name: string, open: () => Promise<WriterSubject>): void {
  describe(`table writer contract: ${name}`, () => {
    const write = async (subject: WriterSubject, mode: TransferMode, rows: AsyncIterable<TableBatch>, abort = signal) => {
      await using writer = await subject.open(mode)
      return await writer.write(rows, abort)
    }
    const sorted = async (subject: WriterSubject) => (await subject.read())?.toSorted() ?? null

    test('it takes every row exactly, and says how many', async () => {
      await using subject = await open()
      const outcome = await write(subject, 'replace', batches())
      expect(outcome).toMatchObject({ rows: ROWS.length, repeated: false })
      expect(await sorted(subject)).toEqual([...LINES].toSorted())
    })

    test('its plan names a type per column, and looking changes nothing', async () => {
      await using subject = await open()
      const before = await subject.read()
      await using writer = await subject.open('replace')
      expect(writer.plan.types).toHaveLength(COLUMNS.length)
      expect(await subject.read()).toEqual(before)
    })

    test('replace leaves the new rows only, append adds', async () => {
      await using subject = await open()
      await write(subject, 'replace', batches(ROWS.slice(0, 2)))
      await write(subject, 'replace', batches(ROWS.slice(1, 3)))
      expect(await sorted(subject)).toEqual(LINES.slice(1, 3).toSorted())
      if (!subject.modes.includes('append')) return
      await write(subject, 'append', batches(ROWS.slice(3, 5)))
      expect(await sorted(subject)).toEqual(LINES.slice(1, 5).toSorted())
    })

    test('rows that fail half-way leave what was there', async () => {
      await using subject = await open()
      await write(subject, 'replace', batches(ROWS.slice(0, 1)))
      for (const mode of subject.modes) {
        await expect(write(subject, mode, broken())).rejects.toThrow('the third row')
        expect(await subject.read()).toEqual(LINES.slice(0, 1))
      }
    })

    test('an abort leaves what was there', async () => {
      await using subject = await open()
      await write(subject, 'replace', batches(ROWS.slice(0, 1)))
      const stop = new AbortController()
      async function* stopping(): AsyncGenerator<TableBatch> {
        yield* batches(ROWS.slice(0, 2))
        stop.abort()
        yield* batches(ROWS.slice(2, 4))
      }
      await expect(write(subject, 'replace', stopping(), stop.signal)).rejects.toThrow()
      expect(await subject.read()).toEqual(LINES.slice(0, 1))
    })

    test('no rows are rows, too', async () => {
      await using subject = await open()
      await write(subject, 'replace', batches(ROWS.slice(0, 1)))
      expect(await write(subject, 'replace', batches([]))).toMatchObject({ rows: 0 })
      expect(await subject.read()).toEqual([])
    })
  })
}
