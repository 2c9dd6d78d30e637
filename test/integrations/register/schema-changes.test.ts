import { describe, expect, test } from 'vitest'
import type { Column, TableSchema } from '../../../connectors/change.ts'
import type { LogicalType } from '../../../connectors/logical-type.ts'
import { schemaChanges } from '../../../integrations/register/schema-changes.ts'
import { judge, strictest } from '../../../integrations/register/schema-policy.ts'
import { sourceTypeChange } from '../../../integrations/register/source-type-change.ts'
import { LOAN, loanSchema } from '../../support/lake.ts'

const decimal = (precision: number, scale: number): LogicalType => ({ kind: 'decimal', precision, scale })
const TEXT: LogicalType = { kind: 'utf8', format: 'text' }
const INT64: LogicalType = { kind: 'int64' }

const column = (id: number, name: string, type: LogicalType, sourceType: string, more: Partial<Column> = {}): Column => ({
  id,
  name,
  physical: name,
  type,
  sourceType,
  nullable: true,
  ...more,
})
const ID = column(1, 'id', INT64, 'bigint', { nullable: false })
const NOTE = column(2, 'note', TEXT, 'text')
const AMOUNT = column(3, 'amount', decimal(12, 2), 'numeric(12,2)')
const schema = (columns: readonly Column[], more: Partial<TableSchema> = {}): TableSchema => ({
  ...loanSchema(),
  columns,
  key: ['id'],
  ...more,
})
const from = schema([ID, NOTE, AMOUNT])
const gone = (each: Column): Column => ({ ...each, dropped: true })
const retyped = (type: LogicalType, sourceType: string) => [
  ID,
  NOTE,
  gone(AMOUNT),
  { ...AMOUNT, physical: 'amount_2', type, sourceType },
]

describe('what changed between two schema versions', () => {
  test.each<[string, TableSchema, readonly (readonly [string, string | null, string])[]]>([
    ['nothing', schema([ID, NOTE, AMOUNT], { version: 9 }), []],
    ['a comment, and NOT NULL set', schema([ID, { ...NOTE, comment: 'why', nullable: false }, AMOUNT], { comment: 'x' }), []],
    [
      'a column added',
      schema([ID, NOTE, AMOUNT, column(4, 'more', TEXT, 'text')]),
      [['add_column', 'more', 'column "more" added']],
    ],
    ['a column dropped', schema([ID, gone(NOTE), AMOUNT]), [['drop_column', 'note', 'column "note" dropped']]],
    [
      'a column renamed',
      schema([ID, { ...NOTE, name: 'memo' }, AMOUNT]),
      [['rename_column', 'memo', 'column "note" renamed to "memo"']],
    ],
    [
      'two columns that swap their names',
      schema([ID, { ...NOTE, name: 'amount' }, { ...AMOUNT, name: 'note' }]),
      [
        ['rename_column', 'amount', 'column "note" renamed to "amount"'],
        ['rename_column', 'note', 'column "amount" renamed to "note"'],
      ],
    ],
    [
      'a column dropped and one of its name added',
      schema([ID, gone(NOTE), AMOUNT, column(4, 'note', TEXT, 'text', { physical: 'note_2' })]),
      [
        ['drop_column', 'note', 'column "note" dropped'],
        ['add_column', 'note', 'column "note" added'],
      ],
    ],
    [
      'more digits',
      schema([ID, NOTE, { ...AMOUNT, type: decimal(14, 2), sourceType: 'numeric(14,2)' }]),
      [['widen_column', 'amount', 'column "amount" changed from numeric(12,2) to numeric(14,2)']],
    ],
    [
      'fewer digits: its values are read anew under another physical name',
      schema(retyped(decimal(10, 2), 'numeric(10,2)')),
      [['narrow_column', 'amount', 'column "amount" changed from numeric(12,2) to numeric(10,2)']],
    ],
    [
      'a rewrite to a wider type is still one of values read anew',
      schema(retyped(TEXT, 'text')),
      [['narrow_column', 'amount', 'column "amount" changed from numeric(12,2) to text']],
    ],
    [
      'another type by configuration only',
      schema(retyped(TEXT, 'numeric(12,2)')),
      [['narrow_column', 'amount', 'column "amount" carried as utf8 instead of decimal(12,2)']],
    ],
    ['NULL allowed', schema([{ ...ID, nullable: true }, NOTE, AMOUNT]), [['widen_column', 'id', 'column "id" may be null now']]],
    [
      'another key',
      schema([ID, NOTE, AMOUNT], { key: ['note', 'id'] }),
      [['change_key', null, 'key changed from (id) to (note, id)']],
    ],
    ['no key any more', schema([ID, NOTE, AMOUNT], { key: [] }), [['change_key', null, 'key changed from (id) to none']]],
    [
      'another replica identity',
      schema([ID, NOTE, AMOUNT], { identity: 'full' }),
      [['change_identity', null, 'replica identity changed from default to full']],
    ],
    [
      'another table of the name',
      schema([NOTE], { id: '2', key: [] }),
      [['recreate_table', null, 'table dropped and created again']],
    ],
  ])('%s', (_, to, expected) => {
    expect(schemaChanges(from, to).map(({ kind, column: name, text }) => [kind, name, text])).toEqual(expected)
  })

  test('what the configuration asks for is told from what the source did', () => {
    const withheld = [{ id: 2, name: 'note', type: TEXT, sourceType: 'text', nullable: true }]
    const excluded = schema([ID, gone(NOTE), AMOUNT], { withheld })
    const policy = { name: 'note', type: TEXT }
    const masked = schema([ID, gone(NOTE), AMOUNT, { ...NOTE, physical: 'note_2', policy: { ...policy, mask: 'fixed' } }])
    const renamed = schema([ID, { ...NOTE, name: 'memo', policy }, AMOUNT])
    const said = (to: TableSchema, of = from) => schemaChanges(of, to).map(({ text, configured }) => [text, configured])
    expect(said(excluded)).toEqual([['column "note" excluded', true]])
    expect(said(schema([ID, gone(NOTE), AMOUNT, { ...NOTE, physical: 'note_2' }]), excluded)).toEqual([
      ['column "note" no longer excluded', true],
    ])
    expect(said(masked)).toEqual([['column "note" masked', true]])
    expect(said(renamed)).toEqual([['column "note" renamed to "memo"', true]])
    expect(said(schema(retyped(TEXT, 'numeric(12,2)')))).toEqual([
      ['column "amount" carried as utf8 instead of decimal(12,2)', true],
    ])
    const asked = judge(LOAN, schemaChanges(from, excluded), () => ({ policy: 'fail', setting: 'x' }))
    expect(strictest(asked)).toBe('apply')
  })

  test('a table that was never shown is added', () => {
    expect(schemaChanges(null, from)).toEqual([{ kind: 'add_table', column: null, text: 'table added' }])
  })
})

describe('two spellings of one logical type', () => {
  test.each([
    ['character varying(20)', 'character varying(10)', 'narrower'],
    ['character varying(20)', 'varchar(30)', 'wider'],
    ['character varying(20)', 'text', 'wider'],
    ['text', 'character varying(20)', 'narrower'],
    ['text', 'character varying', 'same'],
    ['character(3)', 'text', 'wider'],
    ['text', 'character(3)', 'narrower'],
    ['character', 'character(2)', 'wider'],
    ['character(5)', 'character', 'narrower'],
    ['numeric(40,2)', 'numeric', 'wider'],
    ['numeric', 'numeric(60,2)', 'narrower'],
    ['numeric(40,2)', 'numeric(42,4)', 'wider'],
    ['numeric(40,2)', 'numeric(41,4)', 'narrower'],
    ['timestamp(6) without time zone', 'timestamp(3) without time zone', 'narrower'],
    ['timestamp(3) without time zone', 'timestamp without time zone', 'wider'],
    ['bit varying(8)', 'bit varying(16)', 'wider'],
    ['oid', 'bigint', 'same'],
    ['inet', 'text', 'wider'],
    ['text', 'inet', 'narrower'],
    ['mood', 'mood', 'same'],
  ])('%s to %s is %s', (old, now, expected) => {
    expect(sourceTypeChange(old, now)).toBe(expected)
  })
})
