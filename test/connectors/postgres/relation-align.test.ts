import { describe, expect, test } from 'vitest'
import { type AlignInput, alignRelation, type KnownColumn } from '../../../connectors/postgres/relation-align.ts'
import { evidenceOf } from '../../../connectors/postgres/relation-evidence.ts'

/** `1:a:int 2:b:text` */
const columns = (text: string): KnownColumn[] =>
  text
    .split(' ')
    .filter((part) => part !== '')
    .map((part) => {
      const [id = '0', name = '', sourceType = 'text'] = part.split(':')
      return { id: Number(id), name, sourceType }
    })

function align(input: { relation: string; known: string | null; catalogue: string | null; dropped?: number[] }) {
  const request: AlignInput = {
    relation: columns(input.relation.replace(/(^| )/g, '$10:')),
    known: input.known === null ? null : columns(input.known),
    catalogue: input.catalogue === null ? null : columns(input.catalogue),
    dropped: input.dropped ?? [],
  }
  const result = alignRelation(request)
  return 'ids' in result ? result.ids : result.failure
}

describe('weighing transaction ids', () => {
  const weighed = (relation: string, xid: number, catalogue = '1:a 3:b') => {
    const result = alignRelation({
      relation: columns(relation.replace(/(^| )/g, '$10:')),
      known: columns('1:a 2:b'),
      catalogue: columns(catalogue),
      dropped: [2],
      evidence: evidenceOf({
        live: [
          { id: 1, xmin: 10 },
          { id: 3, xmin: 100 },
        ],
        dropped: [{ id: 2, xmin: 100 }],
        known: new Set([1, 2]),
        xid,
      }),
    })
    return 'ids' in result ? [result.ids, result.certain] : result.failure
  }

  test('tells a column from the one that took its name, without certainty', () => {
    expect(weighed('a b', 99)).toEqual([[1, 2], false])
    expect(weighed('a b', 101)).toEqual([[1, 3], false])
  })

  test('leaves what names and types already say certain', () => {
    expect(weighed('a c', 101, '1:a 3:c')).toEqual([[1, 3], true])
    expect(weighed('a b', 99, '1:a 3:c')).toEqual([[1, 2], true])
  })
})

describe('aligning a Relation message with column ids', () => {
  test('nothing changed', () => {
    expect(align({ relation: 'a b', known: '1:a 2:b', catalogue: '1:a 2:b' })).toEqual([1, 2])
  })

  test('a table seen for the first time takes the catalogue’s ids, over gaps of dropped columns', () => {
    expect(align({ relation: 'a c', known: null, catalogue: '1:a 3:c', dropped: [2] })).toEqual([1, 3])
  })

  test('a table seen for the first time whose catalogue has gone on', () => {
    expect(align({ relation: 'a b', known: null, catalogue: '1:a 2:b 3:c' })).toEqual([1, 2])
    expect(align({ relation: 'a old', known: null, catalogue: '1:a 3:c', dropped: [2] })).toEqual([1, 2])
  })

  test('an added column: before it, and with it', () => {
    expect(align({ relation: 'a b', known: '1:a 2:b', catalogue: '1:a 2:b 3:c' })).toEqual([1, 2])
    expect(align({ relation: 'a b c', known: '1:a 2:b', catalogue: '1:a 2:b 3:c' })).toEqual([1, 2, 3])
  })

  test('two added columns of which the message knows the first', () => {
    expect(align({ relation: 'a b c', known: '1:a 2:b', catalogue: '1:a 2:b 3:c 4:d' })).toEqual([1, 2, 3])
    // An added column cannot be there without those added before it, whatever it is called now.
    expect(align({ relation: 'a b d', known: '1:a 2:b', catalogue: '1:a 2:b 3:c 4:d' })).toEqual([1, 2, 3])
  })

  test('a dropped column: before the drop, and after it', () => {
    expect(align({ relation: 'a b c', known: '1:a 2:b 3:c', catalogue: '1:a 3:c', dropped: [2] })).toEqual([1, 2, 3])
    expect(align({ relation: 'a c', known: '1:a 2:b 3:c', catalogue: '1:a 3:c', dropped: [2] })).toEqual([1, 3])
  })

  test('a renamed column: before and after', () => {
    expect(align({ relation: 'a b', known: '1:a 2:b', catalogue: '1:a 2:x' })).toEqual([1, 2])
    expect(align({ relation: 'a x', known: '1:a 2:b', catalogue: '1:a 2:x' })).toEqual([1, 2])
  })

  test('a rename that was renamed again in between', () => {
    expect(align({ relation: 'a between', known: '1:a 2:b', catalogue: '1:a 2:x' })).toEqual([1, 2])
  })

  test('two swapped names stay with their columns', () => {
    expect(align({ relation: 'b a', known: '1:a 2:b', catalogue: '1:b 2:a' })).toEqual([1, 2])
  })

  test('a dropped column and another one of its name and another type', () => {
    expect(align({ relation: 'a b:int', known: '1:a 2:b:text', catalogue: '1:a 3:b:int', dropped: [2] })).toEqual([1, 3])
    expect(align({ relation: 'a b:text', known: '1:a 2:b:text', catalogue: '1:a 3:b:int', dropped: [2] })).toEqual([1, 2])
  })

  test('a dropped column and another one of its name and type is ambiguous by itself', () => {
    expect(align({ relation: 'a b', known: '1:a 2:b', catalogue: '1:a 3:b', dropped: [2] })).toBe('ambiguous')
  })

  test('a dropped column in the middle of two that came and went', () => {
    expect(align({ relation: 'a c', known: '1:a 2:b 3:c', catalogue: '1:a', dropped: [2, 3] })).toEqual([1, 3])
    expect(align({ relation: 'a b', known: '1:a 2:b 3:c', catalogue: '1:a', dropped: [2, 3] })).toEqual([1, 2])
  })

  test('a column that came and went between record and catalogue', () => {
    expect(align({ relation: 'a b gone', known: '1:a 2:b', catalogue: '1:a 2:b', dropped: [3] })).toEqual([1, 2, 3])
    expect(align({ relation: 'a b gone', known: '1:a 2:b', catalogue: '1:a 2:b', dropped: [3, 4] })).toEqual([1, 2, 3])
  })

  test('a widened column', () => {
    expect(align({ relation: 'a b:bigint', known: '1:a 2:b:integer', catalogue: '1:a 2:b:bigint' })).toEqual([1, 2])
  })

  test('a table that was created anew has new ids', () => {
    expect(align({ relation: 'b a', known: null, catalogue: '1:b 2:a' })).toEqual([1, 2])
  })

  test('a table that is gone: by its record, by order, or with columns that came after the record', () => {
    expect(align({ relation: 'a b', known: '1:a 2:b', catalogue: null })).toEqual([1, 2])
    expect(align({ relation: 'a', known: '1:a 2:b', catalogue: null })).toEqual([1])
    expect(align({ relation: 'a b', known: null, catalogue: null })).toEqual([1, 2])
    expect(align({ relation: 'a b c d', known: '1:a 2:b', catalogue: null })).toEqual([1, 2, 3, 4])
  })

  test('a message that lacks a column which was there all the time fits nothing', () => {
    expect(align({ relation: 'a', known: '1:a 2:b', catalogue: '1:a 2:b' })).toBe('impossible')
    expect(align({ relation: 'a b c', known: '1:a 2:b', catalogue: '1:a 2:b' })).toBe('impossible')
  })

  test('dropped columns of one type that nobody can tell apart are ambiguous', () => {
    expect(align({ relation: 'a new', known: '1:a 2:b 3:c', catalogue: '1:a', dropped: [2, 3] })).toBe('ambiguous')
  })
})
