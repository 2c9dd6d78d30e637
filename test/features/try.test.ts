import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { canonicalJson } from '../../features/canonical.ts'
import { clientLoans } from '../../features/views/client-loans.ts'
import { portage } from '../support/command-line.ts'
import { ROOT } from '../support/sources.ts'

let directory = ''
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'portage-try-'))
})
afterAll(() => rm(directory, { recursive: true, force: true }))

const T0 = '2026-06-30T12:00:00.000Z'

async function files(changes: string, reads: string): Promise<readonly string[]> {
  await writeFile(join(directory, 'changes.jsonl'), changes)
  await writeFile(join(directory, 'reads.jsonl'), reads)
  return ['--changes', join(directory, 'changes.jsonl'), '--reads', join(directory, 'reads.jsonl')]
}

type Answer = {
  readonly entity: string
  readonly as_of: string
  readonly values: Readonly<Record<string, unknown>>
  readonly parts: Readonly<Record<string, { readonly numerator: string; readonly denominator: string }>>
}

/** Both engines must say the same; texts are written as they are. */
async function answers(
  changes: readonly (object | string)[],
  reads: readonly object[],
  view = 'client_loans',
): Promise<Answer[]> {
  const lines = (each: readonly (object | string)[]) =>
    each.map((line) => (typeof line === 'string' ? line : JSON.stringify(line))).join('\n')
  const argv = ['features', 'try', view, ...(await files(lines(changes), lines(reads))), '--json']
  const memory = await portage(argv)
  expect(memory.stderr).toBe('')
  expect(memory.code).toBe(0)
  expect(await portage([...argv, '--engine', 'sql'])).toEqual(memory)
  return memory.stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Answer)
}

const RATE = 'profit_in_last_90_days.rate'
const brief = (answer: Answer | undefined) => [
  answer?.values['paid_loans.count'],
  answer?.values['days_since_last_late_payment.count'],
  `${answer?.parts[RATE]?.numerator}/${answer?.parts[RATE]?.denominator}`,
]

const at = { committed_at: '2026-06-01T00:00:00Z' }
const loan = (position: string, op: string, row?: object, id = 'l1') => ({
  position,
  ...at,
  table: 'loan',
  op,
  key: { id },
  ...(row ? { row } : {}),
})
const payment = (position: string, op: string, row?: object, id = 'p1') => ({ ...loan(position, op, row, id), table: 'payment' })
const active = { client_id: 'c1', amount: '1000.00', status: 'active', issued_at: '2026-06-01T00:00:00.000Z' }
const late = { loan_id: 'l1', interest: '25.00', status: 'late', paid_at: '2026-06-20T12:00:00.000Z' }

describe('features try', () => {
  test('prints one line per read with values and parts', async () => {
    const changes = [
      loan('1', 'insert', { ...active, amount: '500.00', status: 'paid' }),
      payment('2', 'insert', { ...late, interest: '60', status: 'on_time' }),
    ]
    const argv = await files(changes.map((line) => JSON.stringify(line)).join('\n'), `{"entity": "c1", "as_of": "${T0}"}\n`)
    const { stdout } = await portage(['features', 'try', 'client_loans', ...argv, '--json'])
    expect(stdout).toBe(
      `{"entity":"c1","as_of":"${T0}","values":{"paid_loans.count":1,"days_since_last_late_payment.count":null,"${RATE}":0.12},"parts":{"${RATE}":{"numerator":"6000","denominator":"50000"}}}\n`,
    )
    const table = await portage(['features', 'try', 'client_loans', ...argv])
    expect(table.stdout).toContain('0.12 (6000/50000)')
  })

  test('answers after each number of lines, in the order of the reads', async () => {
    const reads = [3, 0, 2, 1, undefined].map((after_lines) => ({ entity: 'c1', as_of: T0, after_lines }))
    const found = await answers(
      [loan('1', 'insert', active), payment('2', 'insert', late), payment('3', 'update', { status: 'reversed' })],
      reads,
    )
    expect(found.map(brief)).toEqual([
      [0, null, '0/100000'],
      [0, null, '0/0'],
      [0, 10, '2500/100000'],
      [0, null, '0/100000'],
      [0, null, '0/100000'],
    ])
  })

  test('compares positions as numbers of any size and skips what was applied', async () => {
    const huge = (last: string) => `9007199254740993${last}`
    const found = await answers(
      [
        loan('9', 'insert', active),
        loan('10', 'update', { status: 'paid' }),
        loan('9', 'insert', active),
        loan(huge('1'), 'update', { status: 'overdue' }),
        loan(huge('2'), 'update', { status: 'paid' }),
        loan(huge('1'), 'update', { status: 'overdue' }),
        loan('0010', 'update', { status: 'paid' }),
        loan(huge('3'), 'delete'),
        loan(huge('2'), 'update', { status: 'paid' }),
      ],
      [3, 4, 6, 7, 8, 9].map((after_lines) => ({ entity: 'c1', as_of: T0, after_lines })),
    )
    expect(found.map(brief)).toEqual([
      [1, null, '0/100000'],
      [0, null, '0/100000'],
      [1, null, '0/100000'],
      [1, null, '0/100000'],
      [0, null, '0/0'],
      [0, null, '0/0'],
    ])
  })

  test('keeps truncated tables empty when older lines come again', async () => {
    const truncate = { position: '3', ...at, table: 'payment', op: 'truncate', key: null, row: null }
    const found = await answers(
      [
        loan('1', 'insert', active),
        payment('2', 'insert', late),
        truncate,
        payment('2', 'insert', late),
        payment('4', 'insert', late),
        truncate,
      ],
      [3, 4, 5, 6].map((after_lines) => ({ entity: 'c1', as_of: T0, after_lines })),
    )
    expect(found.map(brief)).toEqual([
      [0, null, '0/100000'],
      [0, null, '0/100000'],
      [0, 10, '2500/100000'],
      [0, 10, '2500/100000'],
    ])
  })

  test('takes a changed key as a delete and an insert, with the columns that it did not carry', async () => {
    const moved = { ...loan('3', 'update', { status: 'paid' }, 'l2'), old_key: { id: 'l1' } }
    const found = await answers(
      [loan('1', 'insert', active), payment('2', 'insert', late), moved, payment('4', 'update', { loan_id: 'l2' }), moved],
      [3, 4, 5].map((after_lines) => ({ entity: 'c1', as_of: T0, after_lines })),
    )
    expect(found.map(brief)).toEqual([
      [1, null, '0/100000'],
      [1, 10, '2500/100000'],
      [1, 10, '2500/100000'],
    ])
  })

  test('reads amounts of any spelling exactly', async () => {
    const spelled = ['7', '7.0', '7.00', '7.000000', '+7.00', '"7"', '7'].map((text) =>
      text.startsWith('"') ? text : `"${text}"`,
    )
    for (const amount of [...spelled, '7', '7.00']) {
      const line = JSON.stringify(loan('1', 'insert', { ...active, amount: 'AMOUNT' })).replace('"AMOUNT"', amount)
      expect(brief((await answersInMemory([line]))[0])[2]).toBe('0/700')
    }
    const [big] = await answers(
      [
        loan('1', 'insert', { ...active, amount: '90071992547409.93' }),
        loan('2', 'insert', { ...active, amount: '-0.01' }, 'l2'),
      ],
      [{ entity: 'c1', as_of: T0 }],
    )
    expect(brief(big)[2]).toBe('0/9007199254740992')
  })

  test('reads timestamps with offsets, without them, and finer than a millisecond', async () => {
    const edge = [
      '2026-04-01T14:00:00.001+02:00',
      '2026-04-01 12:00:00.001',
      '2026-04-01T12:00:00.001999Z',
      '2026-04-01T06:30:00.0010-05:30',
      '2026-04-02',
    ]
    for (const issued_at of edge)
      expect(brief((await answersInMemory([loan('1', 'insert', { ...active, issued_at })]))[0])[2]).toBe('0/100000')
    const out = ['2026-04-01T14:00:00+02:00', '2026-04-01 12:00:00.000999', '2026-04-01']
    for (const issued_at of out)
      expect(brief((await answersInMemory([loan('1', 'insert', { ...active, issued_at })]))[0])[2]).toBe('0/0')
    const [read] = await answers([loan('1', 'insert', active)], [{ entity: 'c1', as_of: '2026-06-01T02:00:00+02:00' }])
    expect(read?.as_of).toBe('2026-06-01T02:00:00+02:00')
    expect(brief(read)[2]).toBe('0/100000')
  })

  test('takes columns it does not use, numbers as keys, schemas, nulls and other tables', async () => {
    const lines = [
      {
        position: 1,
        table: 'public.loan',
        op: 'insert',
        key: { id: 7 },
        row: { ...active, client_id: 12, note: null, amount: null },
      },
      { position: 2, table: 'payment', op: 'insert', key: { id: 1 }, row: { ...late, id: 1, loan_id: 7, paid_at: null } },
      { position: 3, table: 'client', op: 'insert', key: { id: 12 }, row: { name: 'x' } },
      loan('4', 'insert', { client_id: '12', status: 'paid' }, 'no-date'),
    ]
    expect((await answers(lines, [{ entity: 12, as_of: T0 }])).map(brief)).toEqual([[1, null, '0/0']])
    const argv = await files(JSON.stringify({ ...loan('1', 'insert', active), table: 'laon' }), '')
    const { stderr, code } = await portage(['features', 'try', 'client_loans', ...argv, '--json'])
    expect([code, stderr]).toEqual([0, '1 change of table "laon": view "client_loans" does not use it\n'])
  })

  test('takes a canonical JSON file and a module', async () => {
    const json = join(directory, 'view.json')
    await writeFile(json, canonicalJson(clientLoans))
    const module = join(directory, 'view.ts')
    await writeFile(module, `export { clientLoans as mine } from '${join(ROOT, 'features/views/client-loans.ts')}'\n`)
    const read = [{ entity: 'c1', as_of: T0 }]
    const expected = await answers([loan('1', 'insert', active)], read)
    expect(await answers([loan('1', 'insert', active)], read, json)).toEqual(expected)
    expect(await answers([loan('1', 'insert', active)], read, module)).toEqual(expected)
    expect(await answers([loan('1', 'insert', active)], read, `${module}#client_loans`)).toEqual(expected)
  })
})

async function answersInMemory(changes: readonly (object | string)[]): Promise<Answer[]> {
  const text = changes.map((line) => (typeof line === 'string' ? line : JSON.stringify(line))).join('\r\n')
  const argv = await files(`\uFEFF${text}\r\n\r\n`, JSON.stringify({ entity: 'c1', as_of: T0 }))
  const { stdout, stderr } = await portage(['features', 'try', 'client_loans', ...argv, '--json'])
  expect(stderr).toBe('')
  return [JSON.parse(stdout) as Answer]
}

describe('bad lines', () => {
  test.each([
    ['no JSON', '{"position": "1"', 'expected one JSON object per line; this is not JSON'],
    ['a list', '[]', 'the line: expected a JSON object'],
    ['no position', { ...loan('1', 'insert', active), position: undefined }, 'position: expected a decimal integer, such as "3"'],
    ['a fraction', { ...loan('1', 'insert', active), position: 1.5 }, 'position: expected a decimal integer, such as "3"'],
    ['a strange op', loan('1', 'upsert', active), 'op: expected insert, update, delete, truncate'],
    ['no table', { ...loan('1', 'insert', active), table: undefined }, 'table: expected the name of a table'],
    ['no key', { ...loan('1', 'insert', active), key: undefined }, 'key: expected a JSON object; it is missing'],
    ['an incomplete key', { ...loan('1', 'insert', active), key: {} }, 'key.id: expected text or an integer, found nothing'],
    ['a null key', { ...loan('1', 'insert', active), key: { id: null } }, 'key.id: a key is not null'],
    ['no row', loan('1', 'insert'), 'row: an insert needs one'],
    [
      'cents of cents',
      loan('1', 'insert', { ...active, amount: '1.005' }),
      'row.amount: expected an amount in EUR with at most 2 decimals, found more decimals',
    ],
    [
      'words',
      loan('1', 'insert', { ...active, amount: 'a lot' }),
      'row.amount: expected an amount in EUR with at most 2 decimals, found other text',
    ],
    [
      'an exponent',
      loan('1', 'update', { amount: '1e3' }),
      'row.amount: expected an amount in EUR with at most 2 decimals, found other text',
    ],
    [
      '30 February',
      loan('1', 'update', { issued_at: '2026-02-30T00:00:00Z' }),
      'row.issued_at: expected a timestamp such as 2026-06-30T12:00:00.000Z, found other text',
    ],
    [
      'a number of time',
      loan('1', 'update', { issued_at: 1767225600000 }),
      'row.issued_at: expected a timestamp such as 2026-06-30T12:00:00.000Z, found a number',
    ],
    ['another key', loan('1', 'update', { id: 'l9' }), 'row.id: differs from key.id; a changed key has an old_key'],
    ['a key of a truncate', loan('1', 'truncate'), 'a truncate has neither key nor row'],
    [
      'an old key of an insert',
      { ...loan('1', 'insert', active), old_key: { id: 'l0' } },
      'old_key: only an update has one; this is an insert',
    ],
    [
      'a strange commit time',
      { ...loan('1', 'insert', active), committed_at: 'now' },
      'committed_at: expected a timestamp such as 2026-06-30T12:00:00.000Z',
    ],
  ])('with %s are refused by file and line', async (_, line, problem) => {
    const text = typeof line === 'string' ? line : JSON.stringify(line)
    const argv = await files(`${JSON.stringify(loan('1', 'insert', active))}\n\n${text}\n`, '')
    const { code, stdout, stderr } = await portage(['features', 'try', 'client_loans', ...argv, '--json'])
    expect({ code, stdout, stderr }).toEqual({
      code: 1,
      stdout: '',
      stderr: `portage: ${join(directory, 'changes.jsonl')}:3: ${problem}\n`,
    })
  })

  test.each([
    ['no entity', { as_of: T0 }, 'entity: expected the key of an entity, as text'],
    ['no time', { entity: 'c1' }, 'as_of: expected a timestamp such as 2026-06-30T12:00:00.000Z'],
    ['half a line', { entity: 'c1', as_of: T0, after_lines: 0.5 }, 'after_lines: expected a number of change lines'],
    [
      'too many lines',
      { entity: 'c1', as_of: T0, after_lines: 2 },
      'after_lines: expected at most 1, the number of change lines, found 2',
    ],
  ])('of reads with %s too', async (_, line, problem) => {
    const argv = await files(JSON.stringify(loan('1', 'insert', active)), JSON.stringify(line))
    const { code, stderr } = await portage(['features', 'try', 'client_loans', ...argv])
    expect([code, stderr]).toEqual([1, `portage: ${join(directory, 'reads.jsonl')}:1: ${problem}\n`])
  })

  test('are all named at once', async () => {
    const argv = await files('{}\n{}', '{}')
    const { stderr } = await portage(['features', 'try', 'client_loans', ...argv])
    expect(stderr.trim().split('\n')).toHaveLength(3)
  })
})

test('show prints the definition that try takes back, and SQL', async () => {
  expect((await portage(['features', 'show', 'client_loans'])).stdout).toBe(`${canonicalJson(clientLoans)}\n`)
  expect((await portage(['features', 'show', 'member_risk', '--sql', 'spark'])).stdout).toContain(
    'CREATE OR REPLACE FUNCTION `member_risk__asof`',
  )
  expect(await portage(['features', 'show', 'client_loans', '--sql', 'oracle'])).toMatchObject({ code: 2 })
  expect((await portage(['features', 'list'])).stdout).toContain('profit_in_last_90_days.rate')
})

describe('what names nothing', () => {
  test.each([
    ['client_loan', 'did you mean "client_loans"?'],
    ['missing.json', 'is neither client_loans nor member_risk nor a file'],
  ])('%s is a usage error', async (view, message) => {
    const { code, stderr } = await portage(['features', 'try', view, ...(await files('', ''))])
    expect(code).toBe(2)
    expect(stderr).toContain(message)
  })

  test('a definition with problems lists them', async () => {
    const path = join(directory, 'bad.json')
    const bad = canonicalJson(clientLoans).replace('"column":"interest"', '"column":"intrest"').replace('"never late"', '""')
    await writeFile(path, bad)
    const { code, stderr } = await portage(['features', 'try', path, ...(await files('', ''))])
    expect(code).toBe(2)
    expect(stderr).toContain('nulls.days_since_last_late_payment.count: ')
    await writeFile(path, canonicalJson(clientLoans).replace('"column":"interest"', '"column":"intrest"'))
    expect((await portage(['features', 'try', path, ...(await files('', ''))])).stderr).toContain(
      'features.profit_in_last_90_days.rate: numerator: source "payment" has no column "intrest"',
    )
  })

  test('an engine and a file that are not there', async () => {
    const argv = await files('', '')
    expect((await portage(['features', 'try', 'client_loans', ...argv, '--engine', 'x'])).code).toBe(2)
    expect((await portage(['features', 'try', 'client_loans', '--changes', 'nowhere', '--reads', 'nowhere'])).code).toBe(2)
  })
})
