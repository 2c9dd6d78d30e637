import { describe, expect, test } from 'vitest'
import type { TableName } from '../../../connectors/change.ts'
import { relationNames } from '../../../integrations/register/relation-names.ts'

const names = (...tables: readonly (readonly [string, string])[]) =>
  Object.fromEntries(relationNames(tables.map(([table, id]) => ({ table: table as TableName, id }))))

describe('relationNames', () => {
  test('tables of public keep their name, others carry their schema in front', () => {
    expect(names(['public.loan', '1'], ['core.loan', '2'], ['core.client', '3'])).toEqual({
      'public.loan': 'loan',
      'core.loan': 'core_loan',
      'core.client': 'core_client',
    })
  })

  test('the older of two tables whose names differ only by case keeps the name', () => {
    expect(names(['public.Loan', '99'], ['public.loan', '100'])).toEqual({ 'public.Loan': 'Loan', 'public.loan': 'public_loan' })
  })

  test('a table named like the history of another gives way when it is younger, and makes it give way when older', () => {
    expect(names(['public.loan', '1'], ['public.loan_changes', '2'])).toEqual({
      'public.loan': 'loan',
      'public.loan_changes': 'public_loan_changes',
    })
    expect(names(['public.loan', '2'], ['public.loan_changes', '1'])).toEqual({
      'public.loan_changes': 'loan_changes',
      'public.loan': 'public_loan',
    })
  })

  test('what still clashes is numbered', () => {
    expect(names(['public.a_x', '1'], ['a.x', '2'], ['A.X', '3'])).toEqual({
      'public.a_x': 'a_x',
      'a.x': 'a_x_2',
      'A.X': 'A_X_3',
    })
  })

  test('engines whose names are words get words, each name once', () => {
    const tables = [
      'public.Weird-Name',
      'public.weird_name',
      'public.Größe 2',
      'my-schema.loan',
      'public.顧客',
      'public.loan',
    ] as const
    const named = tables.map((table, index) => ({ table: table as TableName, id: String(index) }))
    expect(Object.fromEntries(relationNames(named, { relationNames: 'words' }))).toEqual({
      'public.Weird-Name': 'Weird_Name',
      'public.weird_name': 'public_weird_name',
      'public.Größe 2': 'Gro_e_2',
      'my-schema.loan': 'my_schema_loan',
      'public.顧客': '__',
      'public.loan': 'loan',
    })
  })

  test('adding a younger table renames nothing', () => {
    const before = names(['public.loan', '1'], ['core.loan', '5'])
    expect(names(['public.loan', '1'], ['core.loan', '5'], ['public.core_loan_changes', '6'], ['core.LOAN', '7'])).toMatchObject(
      before,
    )
  })
})
