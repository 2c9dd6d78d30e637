import { expect, test } from 'vitest'
import { matchesPattern, resolveColumnRules, selectsTable } from '../../config/patterns.ts'
import { didYouMean } from '../../config/problems.ts'
import { countOf, durationMs, sizeBytes } from '../../config/units.ts'

test('durations need a unit', () => {
  expect(['250ms', '5s', '1.5m', '15 m', '1h', '2d'].map(durationMs)).toEqual([
    250, 5000, 90_000, 900_000, 3_600_000, 172_800_000,
  ])
  expect(['5', '5 sec', '-1s', '', 's', '1e3s'].map(durationMs)).toEqual([null, null, null, null, null, null])
})

test('sizes tell binary from decimal units', () => {
  expect(['512 B', '64 MiB', '1.5GiB', '1 MB', '2kB'].map(sizeBytes)).toEqual([512, 67_108_864, 1_610_612_736, 1_000_000, 2000])
  expect(['64', '64 mib', '64M'].map(sizeBytes)).toEqual([null, null, null])
})

test('counts may be grouped by underscores', () => {
  expect(['500_000', '500000', '1_000_000'].map(countOf)).toEqual([500_000, 500_000, 1_000_000])
  expect(['50_00', '_1', '1e3', '1.5'].map(countOf)).toEqual([null, null, null, null])
})

test('a star stays within its segment and the last matching pattern decides', () => {
  expect(matchesPattern('public.*', 'public.loan')).toBe(true)
  expect(matchesPattern('*', 'public.loan')).toBe(false)
  expect(matchesPattern('*.loan', 'public.loan')).toBe(true)
  expect(matchesPattern('public.loan.*_at', 'public.loan.created_at')).toBe(true)
  expect(matchesPattern('public.loan.a.b', 'public.loan.a.b')).toBe(true)
  expect(matchesPattern('public.lo(n', 'public.loan')).toBe(false)
  expect(selectsTable(['public.*', '!public.tmp_*', 'public.tmp_keep'], 'public.tmp_x')).toBe(false)
  expect(selectsTable(['public.*', '!public.tmp_*', 'public.tmp_keep'], 'public.tmp_keep')).toBe(true)
})

test('column rules apply in order, per property, and say which name nothing', () => {
  const at = { file: 'loans.yaml', line: 1, path: 'columns' }
  const { columns, unmatched } = resolveColumnRules(
    [
      { pattern: 'public.*.*', at, optional: true, onBadValue: 'reject' },
      { pattern: 'public.loan.amount', at, optional: false, type: 'decimal(18,4)' },
      { pattern: 'public.loan.amuont', at, optional: false, exclude: true },
    ],
    ['public.loan.amount', 'public.loan.id', 'other.x.y'],
  )
  expect(Object.fromEntries(columns)).toEqual({
    'public.loan.amount': { onBadValue: 'reject', type: 'decimal(18,4)' },
    'public.loan.id': { onBadValue: 'reject' },
  })
  expect(unmatched.map(({ pattern }) => pattern)).toEqual(['public.loan.amuont'])
})

test('a suggestion is made only for a near miss', () => {
  expect(didYouMean('tabels', ['tables', 'source'])).toBe(' (did you mean "tables"?)')
  expect(didYouMean('zzz', ['tables', 'source'])).toBe('')
})
