/** Warehouse contract: what a registration does and leaves. */
import { describe, expect, test } from 'vitest'
import type { TableName } from '../../connectors/change.ts'
import { lakeRow } from '../support/lake-files.ts'
import { queryRows } from '../support/query-rows.ts'
import { cut, ID, row, STATUS, schemaOf, type WarehouseTables } from '../support/warehouse-tables.ts'

const signal = new AbortController().signal

export function registrationTests({ subject, file, table, request, failure }: WarehouseTables): void {
  describe('registration', () => {
    const schema = schemaOf([ID, STATUS])
    const rows = (id: number) => ({ base: [[lakeRow('r', cut(10), { id: BigInt(id), status: 's' })]] })

    test('it records the commit; a repeat changes nothing and an older commit changes nothing', async () => {
      const loan = await table('loan', schema, rows(1))
      const first = request([loan])
      await subject().warehouse.register(first, signal)
      const recorded = { commit: first.commit, relations: ['loan'] }
      expect(await subject().warehouse.registered('loans', 'raw', signal)).toMatchObject(recorded)
      const repeat = await subject().warehouse.register(first, signal)
      expect([repeat.filesAdded, repeat.filesRemoved]).toEqual([0, 0])
      const older = { ...first, commit: first.commit - 1, tables: [] }
      expect(await subject().warehouse.register(older, signal)).toEqual({ statements: [], filesAdded: 0, filesRemoved: 0 })
      expect(await queryRows(await subject().reopen(), 'select * from raw.loan')).toEqual(['1 | s'])
    })

    test('a newer commit adds and removes files and relations', async () => {
      const loan = await table('loan', schema, { ...rows(1), changes: [[lakeRow('c', row(11), { id: 2n, status: 'x' })]] })
      const client = await table('client', { ...schema, table: 'public.client' as TableName }, rows(5))
      await subject().warehouse.register(request([loan, client]), signal)
      expect(await queryRows(subject().warehouse, 'select * from raw.client')).toEqual(['5 | s'])
      const merged = await table('loan', schema, { changes: [[lakeRow('c', row(12), { id: 3n, status: 'y' })]] })
      const outcome = await subject().warehouse.register(
        request([{ ...loan, changes: [...loan.changes.slice(1), ...merged.changes] }]),
        signal,
      )
      // Files of a projection are its own: this history does not follow from the one before.
      if (subject().warehouse.reads === 'list') expect([outcome.filesAdded, outcome.filesRemoved]).toEqual([1, 2])
      else expect(outcome.filesRemoved).toBeGreaterThan(1)
      expect(await queryRows(subject().warehouse, 'select * from raw.loan')).toEqual(['1 | s', '3 | y'])
      expect((await failure(queryRows(subject().warehouse, 'select * from raw.client'))).code).toBe('STATEMENT')
    })

    test('a dry run says what it would do and does nothing', async () => {
      const loan = await table('loan', schema, rows(1))
      await subject().warehouse.register(request([loan]), signal)
      const shown = await subject().warehouse.registered('loans', 'raw', signal)
      const other = await table('loan', schema, rows(2))
      const outcome = await subject().warehouse.register(request([other], { dryRun: true }), signal)
      expect(outcome.statements.length).toBeGreaterThan(0)
      expect([outcome.filesAdded, outcome.filesRemoved]).toEqual([1, 1])
      expect(await subject().warehouse.registered('loans', 'raw', signal)).toEqual(shown)
      expect(await queryRows(subject().warehouse, 'select * from raw.loan')).toEqual(['1 | s'])
    })

    test('a file of other rows than the commit says, or none at all, is refused by name and nothing is shown of it', async () => {
      const loan = await table('loan', schema, rows(1))
      await subject().warehouse.register(request([loan]), signal)
      const shown = await subject().warehouse.registered('loans', 'raw', signal)
      const good = await file(schema, 'changes', [lakeRow('c', row(11), { id: 2n, status: 'x' })])
      for (const bad of [
        { ...good, rows: 2 },
        { ...good, key: `${good.key}.gone`, address: `${good.address}.gone` },
      ]) {
        const error = await failure(subject().warehouse.register(request([{ ...loan, changes: [bad] }]), signal))
        expect(error.code).toBe('PROOF')
        expect(error.message).toContain(bad.key)
        expect(error.message).toContain('public.loan')
      }
      expect(await subject().warehouse.registered('loans', 'raw', signal)).toEqual(shown)
      expect(await queryRows(subject().warehouse, 'select * from raw.loan')).toEqual(['1 | s'])
    })

    test('integrations share a warehouse: each keeps its relations, none takes those of another', async () => {
      const loan = await table('loan', schema, rows(1))
      await subject().warehouse.register(request([loan]), signal)
      const mine = await table('card', { ...schema, table: 'public.card' as TableName }, rows(7))
      await subject().warehouse.register(request([mine], { integration: 'cards', schema: 'raw' }), signal)
      await subject().warehouse.register(request([loan], { integration: 'cards', schema: 'other' }), signal)
      expect(await queryRows(subject().warehouse, 'select * from raw.loan')).toEqual(['1 | s'])
      expect(await queryRows(subject().warehouse, 'select * from raw.card')).toEqual(['7 | s'])
      const both = request([loan, mine], { integration: 'cards', schema: 'raw' })
      const { refused } = await subject().warehouse.register(both, signal)
      expect([...(refused ?? [])]).toEqual([
        ['public.loan', expect.objectContaining({ code: 'CONFIGURATION', message: expect.stringContaining('"loans"') })],
      ])
      expect(await subject().warehouse.registered('cards', 'raw', signal)).toMatchObject({
        commit: both.commit,
        relations: ['card'],
      })
      const said = await subject().warehouse.remove({ integration: 'cards', schema: 'raw', dryRun: true }, signal)
      expect(said.length).toBeGreaterThan(0)
      expect(await queryRows(subject().warehouse, 'select * from raw.card')).toEqual(['7 | s'])
      expect(await subject().warehouse.remove({ integration: 'cards', schema: 'raw', dryRun: false }, signal)).toEqual(said)
      expect((await failure(queryRows(subject().warehouse, 'select * from raw.card'))).code).toBe('STATEMENT')
      expect(await subject().warehouse.registered('cards', 'raw', signal)).toBeNull()
      expect(await queryRows(subject().warehouse, 'select * from raw.loan')).toEqual(['1 | s'])
      expect(await queryRows(subject().warehouse, 'select * from other.loan')).toEqual(['1 | s'])
      await subject().warehouse.remove({ integration: 'cards', schema: 'other', dryRun: false }, signal)
    })

    test('a relation that is kept stays as it was, and the warehouse says so until it is brought forward', async () => {
      const loan = await table('loan', schema, rows(1))
      const client = { ...schema, table: 'public.client' as TableName }
      const first = request([loan, await table('client', client, rows(5))])
      await subject().warehouse.register(first, signal)
      const next = await table('client', client, rows(6))
      const late = async () => {
        const { commit, behind, relations, projected } = (await subject().warehouse.registered('loans', 'raw', signal)) ?? {}
        // Of one that reads directories the entry says which rows it shows.
        return { commit, relations, behind: projected === undefined ? [...(behind ?? [])] : null }
      }
      const isList = subject().warehouse.reads === 'list'
      const relations = ['client', 'loan']
      let commit = first.commit
      for (const again of [request([next], { kept: ['loan'] }), request([next], { kept: ['loan'] })]) {
        commit = again.commit
        await subject().warehouse.register(again, signal)
        expect(await late()).toEqual({ commit, relations, behind: isList ? [['loan', first.commit]] : null })
        expect(await queryRows(await subject().reopen(), 'select * from raw.loan')).toEqual(['1 | s'])
        expect(await queryRows(subject().warehouse, 'select * from raw.client')).toEqual(['6 | s'])
      }
      const cured = request([await table('loan', schema, rows(2)), next], { commit, repair: false })
      await subject().warehouse.register(cured, signal)
      expect(await late()).toEqual({ commit, relations, behind: isList ? [] : null })
      expect(await queryRows(await subject().reopen(), 'select * from raw.loan')).toEqual(['2 | s'])
      const last = request([loan], { kept: [] })
      await subject().warehouse.register(last, signal)
      expect(await late()).toEqual({ commit: last.commit, relations: ['loan'], behind: isList ? [] : null })
    })

    test('an aborted call rejects and leaves what was shown', async () => {
      const loan = await table('loan', schema, rows(1))
      await subject().warehouse.register(request([loan]), signal)
      const aborted = AbortSignal.abort()
      const other = await table('loan', schema, rows(2))
      await expect(subject().warehouse.register(request([other]), aborted)).rejects.toThrow()
      await expect(subject().warehouse.query('select * from raw.loan', aborted)).rejects.toThrow()
      expect(await queryRows(subject().warehouse, 'select * from raw.loan')).toEqual(['1 | s'])
    })

    test('what another schema holds under the same name is not touched, and unknown integrations are not registered', async () => {
      expect(await subject().warehouse.registered('nobody', 'raw', signal)).toBeNull()
      expect(await subject().warehouse.remove({ integration: 'nobody', schema: 'raw', dryRun: false }, signal)).toEqual([])
    })

    test('check finds nothing wrong with a warehouse that works', async () => {
      expect(await subject().warehouse.check(signal)).toEqual([])
    })
  })
}
