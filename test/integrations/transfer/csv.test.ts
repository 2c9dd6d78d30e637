import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { RejectedRow } from '../../../connectors/tables.ts'
import { lenient, linesOf, openCsv, typesOf } from '../../support/table-rows.ts'

describe('what a file looks like is sniffed', () => {
  test.each([
    ['a,b\n1,x\n', 'delimiter comma'],
    ['a;b\n1,5;x\n', 'delimiter semicolon'],
    ['a\tb\n1\tx\n', 'delimiter tab'],
    ['a|b\n1|x\n', 'delimiter bar'],
  ])('the delimiter of %j', async (text, shown) => {
    const reader = await openCsv(text)
    expect(reader.dialectText).toContain(shown)
    expect(reader.columns).toHaveLength(2)
  })

  test('a delimiter inside quotes does not count', async () => {
    const reader = await openCsv('a;b\n"1,2,3";x\n"4,5,6";y\n')
    expect(reader.dialectText).toContain('semicolon')
    expect(await linesOf(reader)).toEqual(['1,2,3 | x', '4,5,6 | y'])
  })

  test('a header is told from rows, and may be declared', async () => {
    expect(typesOf(await openCsv('id,name\n1,x\n'))).toBe('id int64, name utf8')
    expect(typesOf(await openCsv('1,x\n2,y\n'))).toBe('column_1 int64, column_2 utf8')
    expect(await linesOf(await openCsv('a,b\nc,d\n', { header: false }))).toEqual(['a | b', 'c | d'])
    const named = await openCsv('1,x\n2,y\n', { names: ['id', 'name'] })
    expect([typesOf(named), await linesOf(named)]).toEqual(['id int64, name utf8', ['1 | x', '2 | y']])
  })

  test('a decimal comma is recognised where fields are not separated by one', async () => {
    const reader = await openCsv('id;price\n1;12,50\n2;0,99\n')
    expect(typesOf(reader)).toBe('id int64, price decimal(18,2)')
    expect(await linesOf(reader)).toEqual(['1 | 12.50', '2 | 0.99'])
  })

  test.each([
    ['points alone', 'n;v\n1;1.234\n2;12.500', 'utf8'],
    ['commas alone', 'n\tv\n1\t1,234\n2\t12,500\n3\t999', 'utf8'],
    ['points beside decimal commas', 'n;w;v\n1;0,5;1.234\n2;1,5;2.000\n3;7,25;3.500', 'utf8'],
    ['commas beside decimal points', 'n\tw\tv\n1\t0.5\t1,234\n2\t1.5\t2,000\n3\t7.25\t3,500', 'utf8'],
    ['a fraction of another length', 'n;v\n1;1.234\n2;1.5', 'decimal(18,3)'],
    ['one that begins with a zero', 'n;v\n1;1.234\n2;0.125', 'decimal(18,3)'],
    ['a whole number that is not grouped', 'n;v\n1;1.234\n2;2500', 'decimal(18,3)'],
    ['decimal points elsewhere', 'n;w;v\n1;0.5;1.234\n2;1.5;2.500', 'decimal(18,3)'],
    ['fields that commas separate', 'n,v\n1,1.234\n2,2.500', 'decimal(18,3)'],
  ])('three digits behind a sign may be grouped ones, which nobody guesses: %s', async (_, text, type) => {
    const reader = await openCsv(`${text}\n`)
    expect(typesOf(reader).split(' ').at(-1)).toBe(type)
    if (text.includes('w') || type !== 'utf8') return
    expect(reader.layout.columns[1]?.note).toContain(text.includes(',') ? '--decimal comma' : '--decimal point')
    const declared = await openCsv(`${text}\n`, { decimal: text.includes(',') ? ',' : '.' })
    expect(typesOf(declared)).toContain('v decimal(18,3)')
  })

  test.each([
    ['UTF-8 with a mark', Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), Buffer.from('näme,n\nü,1\n')])],
    ['UTF-16LE with a mark', Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from('näme,n\nü,1\n', 'utf16le')])],
    ['UTF-16LE without one', Buffer.from('näme,n\nü,1\n', 'utf16le')],
    ['UTF-16BE', Buffer.concat([Buffer.from([0xfe, 0xff]), Buffer.from('näme,n\nü,1\n', 'utf16le').swap16()])],
    ['windows-1252', Buffer.from('näme,n\nü,1\n', 'latin1')],
  ])('the encoding: %s', async (_, bytes) => {
    const reader = await openCsv(bytes)
    expect(typesOf(reader)).toBe('näme utf8, n int64')
    expect(await linesOf(reader)).toEqual(['ü | 1'])
  })

  test('the euro sign is windows-1252, and a control character Latin-1', async () => {
    const bytes = Buffer.from([0x61, 0x0a, 0x80, 0x0a])
    expect(await linesOf(await openCsv(bytes, { header: true }))).toEqual(['€'])
    expect(await linesOf(await openCsv(bytes, { header: true, encoding: 'latin1' }))).toEqual(['\u0080'])
  })

  test('gzip is unpacked', async () => {
    const reader = await openCsv(gzipSync('a,b\n1,x\n'))
    expect(reader.dialectText).toContain('gzip')
    expect(await linesOf(reader)).toEqual(['1 | x'])
  })

  test('a gzip file that ends too early is an error', async () => {
    const whole = gzipSync(`a\n${'1234567\n'.repeat(10_000)}`)
    await expect(openCsv(whole.subarray(0, whole.length - 20))).rejects.toThrow('is not whole')
  })
})

describe('types', () => {
  test.each([
    ['1\n-9223372036854775808\n9223372036854775807', 'int64'],
    ['1\n9223372036854775808', 'decimal(38,0)'],
    ['1.10\n-22.55', 'decimal(18,2)'],
    ['1.5\n1e-7', 'float64'],
    ['true\nFALSE', 'bool'],
    ['2026-01-31\n1999-12-01', 'date'],
    ['2026-01-31 10:00\n2026-01-31T10:00:00.123456', 'timestamp(us)'],
    ['2026-01-31T10:00:00Z\n2026-01-31 10:00:00+05:30', 'timestamp(us,UTC)'],
    ['31.01.2026\n01.02.2026', 'date'],
    ['31/01/2026\n01/02/2026', 'date'],
    ['01/31/2026\n01/02/2026', 'date'],
    ['007\n12', 'utf8'],
    ['+49\n12', 'utf8'],
    ['5.1\n5.10', 'utf8'],
    ['4.10\n5.04', 'decimal(18,2)'],
    ['1696.0\n5341.6\n836.63\n7', 'decimal(18,2)'],
    ['01/02/2026\n03/04/2026', 'utf8'],
    ['2026-01-31T10:00:00Z\n2026-01-31 10:00:00', 'utf8'],
    ['2026-01-31 10:00:00.1234567', 'utf8'],
    ['2026-02-30', 'utf8'],
    ['1e5\n12345678901234567', 'utf8'],
    ['x\n1', 'utf8'],
    ['NaN\nInfinity', 'utf8'],
  ])('of %j are %s', async (column, type) => {
    expect(typesOf(await openCsv(`v\n${column}\n`, { header: true }))).toBe(`v ${type}`)
  })

  test('leading zeros stay text, 64-bit integers and decimals exact', async () => {
    const reader = await openCsv(
      'zip,big,amount,n\n01234,9007199254740993,0.10,-0\n99999,-9223372036854775808,123456789012345.67,5\n',
    )
    expect(await linesOf(reader)).toEqual([
      '01234 | 9007199254740993 | 0.10 | 0',
      '99999 | -9223372036854775808 | 123456789012345.67 | 5',
    ])
  })

  test('digits in quotes are text where numbers stand bare', async () => {
    expect(typesOf(await openCsv('n,phone\n1,"555"\n2,"777"\n'))).toBe('n int64, phone utf8')
    expect(typesOf(await openCsv('"n","phone"\n"1","555"\n'))).toBe('n int64, phone int64')
  })

  test('an ambiguous date says what to declare, and declared it is one', async () => {
    const text = 'd\n01/02/2026\n'
    const reader = await openCsv(text)
    expect(reader.layout.columns[0]?.note).toContain("--date-format '%d/%m/%Y' or '%m/%d/%Y'")
    expect(await linesOf(await openCsv(text, { dateFormat: '%d/%m/%Y' }))).toEqual(['2026-02-01'])
    expect(await linesOf(await openCsv(text, { dateFormat: '%m/%d/%Y' }))).toEqual(['2026-01-02'])
  })

  test('declared types win, and the target’s come before a guess', async () => {
    const types = new Map([['a', { kind: 'decimal', precision: 9, scale: 3 } as const]])
    const targetTypes = new Map([['b', { kind: 'utf8', format: 'text' } as const]])
    const reader = await openCsv('a,b,c\n1,2,3\n', { types, targetTypes })
    expect(reader.layout.columns.map(({ basis }) => basis)).toEqual(['declared', 'target', 'inferred'])
    expect(await linesOf(reader)).toEqual(['1.000 | 2 | 3'])
  })

  test('thousands are taken where they are declared, and only in their places', async () => {
    const types = new Map([['v', { kind: 'decimal', precision: 38, scale: 2 } as const]])
    const text = 'v\n"1,234.50"\n"12,345,678,901,234,567,890.1"\n'
    expect(await linesOf(await openCsv(text, { types, thousands: ',' }))).toEqual(['1234.50', '12345678901234567890.10'])
    await expect(linesOf(await openCsv('v\n"12,34"\n', { types, thousands: ',' }))).rejects.toThrow('line 2, column "v"')
  })

  test('an instant without a zone is refused unless it is declared to be UTC', async () => {
    const types = new Map([['v', { kind: 'timestamp', utc: true } as const]])
    const text = 'v\n2026-01-01 00:00:00\n'
    await expect(linesOf(await openCsv(text, { types }))).rejects.toThrow('has no time zone')
    expect(await linesOf(await openCsv(text, { types, assumeUtc: true }))).toEqual(['2026-01-01 00:00:00.000000'])
  })

  test('an unknown column in --types, --columns or a bad format is refused', async () => {
    await expect(openCsv('a\n1\n', { types: new Map([['b', { kind: 'int64' }]]) })).rejects.toThrow('no column "b"')
    await expect(openCsv('a\n1\n', {}, { columns: ['b'] })).rejects.toThrow('it has a')
    await expect(openCsv('a\n1\n', { dateFormat: '%d.%m' })).rejects.toThrow('no form of a date')
    await expect(openCsv('a\n1\n', { encoding: 'klingon' })).rejects.toThrow('not known')
    await expect(openCsv('a\n1\n', { delimiter: '::' })).rejects.toThrow('one ASCII character')
  })
})

describe('rows', () => {
  test('quotes, newlines in quotes, CRLF and a missing last newline', async () => {
    const reader = await openCsv('a,b\r\n"x\r\ny","say ""hi"""\r\n,""\r\n1,2')
    expect(await linesOf(reader)).toEqual(['x\r\ny | say "hi"', '␀ | ', '1 | 2'])
  })

  test('lines that end with carriage returns', async () => {
    expect(await linesOf(await openCsv('a,b\r1,x\r2,"y\rz"\r'))).toEqual(['1 | x', '2 | y\rz'])
  })

  test('an empty field is NULL, an empty quoted one an empty text, and no number', async () => {
    expect(await linesOf(await openCsv('t,n\n,\n"",""\nx,1\n'))).toEqual(['␀ | ␀', ' | ␀', 'x | 1'])
  })

  test('null words are unquoted', async () => {
    const reader = await openCsv('t,n\nNULL,NA\n"NULL",1\n', { nullValues: ['NULL', 'NA'] })
    expect(await linesOf(reader)).toEqual(['␀ | ␀', 'NULL | 1'])
  })

  test('backslash escapes where they are declared', async () => {
    expect(await linesOf(await openCsv('a,b\n"x\\"y","\\\\"\n', { escape: '\\' }))).toEqual(['x"y | \\'])
  })

  test('blank lines are no rows, except in a file of one column', async () => {
    expect(await linesOf(await openCsv('a,b\n\n1,2\n\n'))).toEqual(['1 | 2'])
    expect(await linesOf(await openCsv('a\n1\n\n2\n'))).toEqual(['1', '␀', '2'])
  })

  test('short rows are filled up where that is asked for, long ones never', async () => {
    const reader = await openCsv('a,b,c\n1,2,3\n4\n', { padRows: true }, { columns: ['c', 'a'] })
    expect(await linesOf(reader)).toEqual(['3 | 1', '␀ | 4'])
    await expect(linesOf(await openCsv('a,b\n1,2\n1,2,3\n', { padRows: true }))).rejects.toThrow(
      'line 3: has 3 fields, expected 2',
    )
  })

  test('wanted columns come in the order asked for', async () => {
    expect(await linesOf(await openCsv('a,b,c\n1,2,3\n', {}, { columns: ['c', 'a'] }))).toEqual(['3 | 1'])
  })

  test('a header alone is a table without rows', async () => {
    const reader = await openCsv('a,b\n')
    expect([typesOf(reader), await linesOf(reader)]).toEqual(['a utf8, b utf8', []])
  })
})

describe('what cannot be read is an error with line and column, never the value', () => {
  const sample = `id,v\n${'1,2\n'.repeat(30_000)}`
  const small = { sampleBytes: 1024 }

  test.each([
    ['a later row that does not fit the guess', `${sample}7,secret\n`, 'line 30002, column "v": the value is no int64'],
    ['leading zeros after the sample', `${sample}7,0012\n`, 'has leading zeros'],
    ['more digits than 64 bits', `${sample}7,9223372036854775808\n`, 'is beyond int64'],
    ['a ragged row', `${sample}7,8,9\n`, 'line 30002: has 3 fields, expected 2'],
    ['a quote that is never closed', `${sample}7,"8\n9\n`, 'line 30002, column "v": opens a quote that is never closed'],
    ['text behind a quote', `${sample}7,"8"secret\n`, 'has text behind its closing quote'],
    ['a NUL', `${sample}7,\u0000\n`, 'line 30002, column "v": holds a NUL character'],
    ['a lone carriage return', `${sample}7,8\r9\n`, 'holds a carriage return outside quotes'],
  ])('%s', async (_, text, message) => {
    const reader = await openCsv(text, small, { pieceBytes: 10_003 })
    const error = await linesOf(reader).then(
      () => null,
      (thrown: unknown) => thrown as Error,
    )
    expect(error?.message).toContain(message)
    expect(error?.message).not.toContain('secret')
  })

  test('bytes that are not UTF-8 behind the sample', async () => {
    const bytes = Buffer.concat([Buffer.from(sample), Buffer.from([0x37, 0x2c, 0xfc, 0x0a])])
    await expect(linesOf(await openCsv(bytes, small))).rejects.toThrow(
      'line 30002, column "v": holds bytes that are not UTF-8. Give --encoding',
    )
  })

  test('line numbers count the lines inside quotes', async () => {
    await expect(linesOf(await openCsv('a,b\n"1\n2\n3",x\n4,5,6\n'))).rejects.toThrow('line 5: has 3 fields')
  })

  test.each([
    ['a,a\n1,2\n', 'column "a" more than once'],
    ['a,,c\n1,2,3\n', 'no name in its header for column 2'],
    ['_op,b\n1,2\n', 'a name that Portage keeps'],
    ['', 'is empty'],
  ])('the header of %j', async (text, message) => {
    await expect(openCsv(text, text === '' ? {} : { header: true })).rejects.toThrow(message)
  })

  test('or the row is put aside with its line and reason, and the others arrive', async () => {
    const rejects: RejectedRow[] = []
    const types = new Map([['v', { kind: 'int64' } as const]])
    const reader = await openCsv('id,v\n1,2\n2,x\n3,4,5\n4,5\n', { types }, { badValues: lenient(rejects) })
    expect(await linesOf(reader)).toEqual(['1 | 2', '4 | 5'])
    expect(rejects).toEqual([
      { column: 'v', place: 'line 3', reason: 'is no int64', row: { id: '2', v: 'x' } },
      { column: '', place: 'line 4', reason: 'has 3 fields, expected 2', row: { id: '3', v: '4', 'field 3': '5' } },
    ])
  })
})

const cell = fc.oneof(
  fc.constant(null),
  fc.string({ unit: fc.constantFrom('a', 'ü', '€', '𝄞', '"', ',', '\n', '\r', ' ', '1', ';', '\\'), maxLength: 12 }),
)

function csvText(rows: readonly (readonly (string | null)[])[], newline: string): string {
  const field = (value: string | null): string => (value === null ? '' : `"${value.replaceAll('"', '""')}"`)
  return rows.map((row) => row.map(field).join(',') + newline).join('')
}

test('property: any text survives, wherever the file is cut into pieces', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(cell, cell, cell), { maxLength: 20 }),
      fc.constantFrom('\n', '\r\n'),
      fc.integer({ min: 1, max: 40 }),
      async (rows, newline, pieceBytes) => {
        const declared = {
          names: ['a', 'b', 'c'],
          header: false,
          delimiter: ',',
          types: new Map(['a', 'b', 'c'].map((name) => [name, { kind: 'utf8', format: 'text' } as const])),
        }
        const reader = await openCsv(csvText(rows, newline), { ...declared }, { pieceBytes })
        expect(await linesOf(reader)).toEqual(rows.map((row) => row.map((value) => value ?? '␀').join(' | ')))
      },
    ),
    { numRuns: 200 },
  )
})

test('property: numbers are what they say, of any size and scale', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.bigInt({ min: -(10n ** 37n), max: 10n ** 37n }),
      fc.integer({ min: 0, max: 12 }),
      fc.integer({ min: 0, max: 4 }),
      async (unscaled, scale, zeros) => {
        const digits = (unscaled < 0n ? -unscaled : unscaled).toString().padStart(scale + 1, '0')
        const whole = digits.slice(0, digits.length - scale)
        const text = `${unscaled < 0n ? '-' : ''}${whole}${scale > 0 ? `.${digits.slice(-scale)}${'0'.repeat(zeros)}` : ''}`
        const types = new Map([['v', { kind: 'decimal', precision: 38, scale } as const]])
        const expected = `${unscaled < 0n ? '-' : ''}${whole}${scale > 0 ? `.${digits.slice(-scale)}` : ''}`
        expect(await linesOf(await openCsv(`v\n${text}\n`, { types, header: true }))).toEqual([expected])
      },
    ),
    { numRuns: 500 },
  )
})
