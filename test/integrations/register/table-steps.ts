/** Random lives of a `TableModel`: rows and shapes changing, snapshots at one cut or two, changes that were never captured. */
import fc from 'fast-check'
import type { TableModel } from './table-model.ts'

const NAMES = ['note', 'amount', 'state', 'Note', 'due', 'x'] as const
const TYPES = [
  [{ kind: 'int16' }, '7'],
  [{ kind: 'timestamp', utc: true }, '2026-01-02 03:04:05.678901'],
  [{ kind: 'timestamp', utc: false }, '1969-12-31 23:59:59.999999'],
  [{ kind: 'bool' }, 't'],
  [{ kind: 'decimal', precision: 9, scale: 4 }, '-1.5000'],
  [{ kind: 'utf8', format: 'text' }, "it's \\ new"],
] as const

const number = fc.nat({ max: 1_000_000 })
const key = fc.nat({ max: 12 })
const index = fc.nat({ max: 40 })
/** Rows changing; each is one transaction. */
const change = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('insert' as const), key, seed: number }) },
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('update' as const), index, seed: number }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('delete' as const), index }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('changeKey' as const), index, key }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('truncate' as const) }) },
)
/** `register`: the test looks at the table now. */
export const step = fc.oneof(
  { weight: 30, arbitrary: change },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('flush' as const) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('add' as const),
      name: fc.constantFrom(...NAMES),
      type: fc.constantFrom(...TYPES),
      initial: fc.boolean(),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('drop' as const), index }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('rename' as const), index, name: fc.constantFrom(...NAMES) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('swap' as const), index, other: index }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('widen' as const), index }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('snapshot' as const),
      split: fc.nat({ max: 99 }),
      lost: fc.array(change, { maxLength: 4 }),
      between: fc.array(change, { maxLength: 5 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('register' as const) }) },
)
type Change = typeof change extends fc.Arbitrary<infer T> ? T : never
export type Step = typeof step extends fc.Arbitrary<infer T> ? T : never

function applyChange(model: TableModel, each: Change, captured: boolean): void {
  switch (each.kind) {
    case 'insert':
      model.insert(each.key, each.seed, captured)
      break
    case 'update':
      model.update(each.index, each.seed, captured)
      break
    case 'delete':
      model.delete(each.index, captured)
      break
    case 'changeKey':
      model.changeKey(each.index, each.key, captured)
      break
    case 'truncate':
      model.truncate(captured)
      break
    default:
      each satisfies never
  }
}

export function applyStep(model: TableModel, each: Exclude<Step, { kind: 'register' }>): void {
  switch (each.kind) {
    case 'flush':
      model.flush()
      break
    case 'add':
      model.addColumn(each.name, each.type[0], each.initial ? each.type[1] : null)
      break
    case 'drop':
      model.dropColumn(each.index)
      break
    case 'rename':
      model.rename(each.index, each.name)
      break
    case 'swap':
      model.swapNames(each.index, each.other)
      break
    case 'widen':
      model.widen(each.index)
      break
    case 'snapshot':
      // Changes that were never captured: the slot was lost, hence the new snapshot.
      for (const lost of each.lost) applyChange(model, lost, false)
      model.snapshot(each.split, () => {
        for (const between of each.between) applyChange(model, between, true)
      })
      break
    default:
      applyChange(model, each, true)
  }
}
