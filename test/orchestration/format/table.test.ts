import { describe, expect, test } from 'vitest'
import { renderTable } from '../../../orchestration/format/table.ts'
import { displayWidth } from '../../../orchestration/format/text-width.ts'

describe('renderTable', () => {
  test('numbers stand right with separators, text stands left, null is empty', () => {
    expect(
      renderTable(
        ['table', 'rows', { title: 'note', align: 'right' }],
        [
          ['public.loan', 167_000, 'ok'],
          ['public.client', 12n, null],
        ],
      ),
    ).toBe(
      [
        'table             rows  note',
        '─────────────  ───────  ────',
        'public.loan    167,000    ok',
        'public.client       12',
      ].join('\n'),
    )
  })

  test('wide, combining and emoji characters keep the columns straight', () => {
    expect(displayWidth('日本')).toBe(4)
    expect(displayWidth('e\u0301a')).toBe(2)
    expect(displayWidth('👩‍👩‍👧')).toBe(2)
    const [, , first, second] = renderTable(
      ['a', 'b'],
      [
        ['日本', 'x'],
        ['ab', 'y'],
      ],
    ).split('\n')
    expect(displayWidth(first?.split('x')[0] ?? '')).toBe(displayWidth(second?.split('y')[0] ?? ''))
  })

  test('a value cannot break the layout or drive the terminal', () => {
    expect(renderTable(['v'], [['a\nb\u001b[31m']]).split('\n')[2]).toBe('a\\nb\\u{1b}[31m')
  })

  test('a table without rows still shows its titles', () => {
    expect(renderTable(['one', 'two'], [])).toBe('one  two\n───  ───')
  })
})
