/** Which directories of projections vacuum may take, and when. */
import { expect, test } from 'vitest'
import type { Position, TableName } from '../../../connectors/change.ts'
import { encodeState } from '../../../integrations/register/directory/state.ts'
import { judgeDirectories, type ShownDirectories } from '../../../integrations/register/directory/superseded.ts'

const LAKE = { prefix: 'raw', integration: 'loans' }
const NOW = new Date('2026-11-21T12:00:00Z')
const HOUR = 3_600_000
const at = (hoursAgo: number): Date => new Date(NOW.getTime() - hoursAgo * HOUR)
const place = 'raw/loans/public.loan/hive/hive.raw'
const object = (name: string, hoursAgo = 100) => ({ key: `${place}/${name}`, size: 7, modified: at(hoursAgo) })

const state = encodeState({
  table: 'public.loan' as TableName,
  id: 'x',
  format: 'orc',
  generation: 1,
  columns: 2,
  shape: 'y',
  base: { name: 'base-3-aaaaaaaa', files: 1, rows: 1, of: 'z' },
  renewed: null,
  changes: [{ name: 'changes-5-bbbbbbbb', files: 1, rows: 1, through: 'p' as Position, weight: 1 }],
  changesOf: 'w',
})
const shown = (projected: ReadonlyMap<string, string> = new Map([['loan', state]])): ShownDirectories => ({
  connection: 'hive',
  schema: 'raw',
  registered: { commit: 5, projected },
})
const judged = (
  objects: Parameters<typeof judgeDirectories>[1],
  warehouses: readonly ShownDirectories[],
  graceMs = 24 * HOUR,
) => {
  const { verdicts, marks } = judgeDirectories(LAKE, objects, warehouses, { now: NOW, graceMs })
  return { said: verdicts.map(({ key, action }) => `${action} ${key.slice(place.length + 1)}`), marks }
}

test('what is shown is live, what is newer than the record is left, what is neither is marked first', () => {
  const objects = [
    object('base-3-aaaaaaaa/part-00000.orc'),
    object('changes-5-bbbbbbbb/part-00000.orc'),
    object('changes-6-cccccccc/part-00000.orc'),
    object('base-5-ffffffff/part-00000.orc'),
    object('base-1-dddddddd/part-00000.orc'),
    object('base-1-dddddddd/part-00001.orc'),
  ]
  expect(judged(objects, [shown()])).toEqual({
    said: [
      'live base-3-aaaaaaaa/part-00000.orc',
      'live changes-5-bbbbbbbb/part-00000.orc',
      'keep changes-6-cccccccc/part-00000.orc',
      'keep base-5-ffffffff/part-00000.orc',
      'keep base-1-dddddddd/part-00000.orc',
      'keep base-1-dddddddd/part-00001.orc',
    ],
    marks: [`${place}/_superseded/base-1-dddddddd`],
  })
  expect(judged(objects.slice(4), [shown()], 0).said).toEqual([
    'delete base-1-dddddddd/part-00000.orc',
    'delete base-1-dddddddd/part-00001.orc',
  ])
})

test('a grace period after the mark the directory goes, and the mark with it; a mark of nothing goes at once', () => {
  const old = object('base-1-dddddddd/part-00000.orc')
  expect(judged([old, object('_superseded/base-1-dddddddd', 23)], [shown()])).toEqual({
    said: ['keep base-1-dddddddd/part-00000.orc', 'live _superseded/base-1-dddddddd'],
    marks: [],
  })
  expect(judged([old, object('_superseded/base-1-dddddddd', 24)], [shown()])).toEqual({
    said: ['delete base-1-dddddddd/part-00000.orc', 'delete _superseded/base-1-dddddddd'],
    marks: [],
  })
  expect(judged([object('_superseded/base-2-eeeeeeee', 1)], [shown()]).said).toEqual(['delete _superseded/base-2-eeeeeeee'])
})

test('nothing is taken of a warehouse that nobody asked, that cannot say, or whose record cannot be read', () => {
  const old = [object('base-1-dddddddd/part-00000.orc')]
  expect(judged(old, [], 0).said).toEqual(['foreign base-1-dddddddd/part-00000.orc'])
  expect(judged(old, [{ ...shown(), schema: 'other' }], 0).said).toEqual(['foreign base-1-dddddddd/part-00000.orc'])
  expect(judged(old, [{ ...shown(), registered: null }], 0).said).toEqual(['keep base-1-dddddddd/part-00000.orc'])
  expect(judged(old, [shown(new Map([['loan', '{"v":9}']]))], 0).said).toEqual(['keep base-1-dddddddd/part-00000.orc'])
})

test('objects of any other kind are none of its business', () => {
  const others = [
    'raw/loans/public.loan/base/00000000000000000001-r1/part-00000.parquet',
    `${place}/readme.txt`,
    `${place}/base-x/part-00000.orc`,
  ]
  expect(
    judged(
      others.map((key) => ({ key, size: 1, modified: NOW })),
      [shown()],
    ).said,
  ).toEqual([])
})
