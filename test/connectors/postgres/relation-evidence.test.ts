import { describe, expect, test } from 'vitest'
import { evidenceOf } from '../../../connectors/postgres/relation-evidence.ts'

describe('transaction ids as evidence', () => {
  const at = (xid: number, xmin: number) =>
    evidenceOf({
      live: [
        { id: 1, xmin: 1 },
        { id: 3, xmin },
      ],
      dropped: [{ id: 2, xmin }],
      known: new Set([1, 2]),
      xid,
    })

  test('before the transaction that dropped and added, the old column was there and the new one hardly', () => {
    expect(at(99, 100).get(2)).toEqual({ take: 0, skip: 5 })
    expect(at(99, 100).get(3)).toEqual({ take: 3, skip: 0 })
  })

  test('in it and after it, the reverse', () => {
    for (const xid of [100, 101]) {
      expect(at(xid, 100).get(2)).toEqual({ take: 5, skip: 0 })
      expect(at(xid, 100).get(3)).toEqual({ take: 0, skip: 5 })
    }
  })

  test('one that was dropped before it was ever recorded is the last to be thought of', () => {
    const dropped = [{ id: 4, xmin: 100 }]
    const take = (xid: number) => evidenceOf({ live: [], dropped, known: new Set([1, 2]), xid }).get(4)
    expect([take(99), take(100)]).toEqual([
      { take: 0, skip: 0 },
      { take: 7, skip: 0 },
    ])
  })

  test('ids that have wrapped around', () => {
    expect(at(5, 4_294_967_290).get(2)).toEqual({ take: 5, skip: 0 })
    expect(at(4_294_967_200, 5).get(2)).toEqual({ take: 0, skip: 5 })
  })

  test('a column that was there all the time needs none', () => {
    expect(at(99, 100).has(1)).toBe(false)
  })
})
