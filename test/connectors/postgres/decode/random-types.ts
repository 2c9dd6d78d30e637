/** Random column types and SQL expressions of their values, for tests in which Postgres is the oracle. */
import fc from 'fast-check'

/** `ddl`: statements to run first; `value`: an SQL expression of this type. */
export type RandomType = { readonly sql: string; readonly ddl: readonly string[]; readonly value: fc.Arbitrary<string> }

/** Counterexamples show the type's name, not its generator. */
function shown(type: RandomType): RandomType {
  return Object.defineProperty(type, fc.toStringMethod, { value: () => [...type.ddl, type.sql].join('; '), configurable: true })
}

const literal = (sql: string, value: fc.Arbitrary<string>): RandomType => ({
  sql,
  ddl: [],
  value: value.map((text) => `${quote(text)}::${sql}`),
})

export const quote = (text: string): string => `'${text.replaceAll("'", "''")}'`

// No U+0000: Postgres text cannot hold it. Lone surrogates are not UTF-8.
const text = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 20 }).map((value) => value.replaceAll('\0', '')),
  fc.string({
    unit: fc.constantFrom('"', '\\', ',', '{', '}', '(', ')', ' ', '\n', '\t', '\u001f', "'", 'N', 'ü', '\u0001', '/'),
    maxLength: 12,
  }),
  fc.constantFrom('', 'NULL', 'null', '\\N', '"', '{}', 'a b', '日本', '😀'.repeat(30), 'x'.repeat(100)),
)

const integer = (bits: number) =>
  fc
    .oneof(
      fc.bigInt({ min: -(2n ** BigInt(bits - 1)), max: 2n ** BigInt(bits - 1) - 1n }),
      fc.constantFrom(0n, 1n, -1n, 2n ** BigInt(bits - 1) - 1n, -(2n ** BigInt(bits - 1))),
    )
    .map(String)

const digits = (precision: number, scale: number) =>
  fc.bigInt({ min: -(10n ** BigInt(precision)) + 1n, max: 10n ** BigInt(precision) - 1n }).map((value) => {
    const magnitude = (value < 0n ? -value : value).toString().padStart(scale + 1, '0')
    return `${value < 0n ? '-' : ''}${magnitude.slice(0, magnitude.length - scale)}.${magnitude.slice(magnitude.length - scale)}0`.replace(
      /\.0$/,
      '',
    )
  })

const decimal = (precision: number, scale: number) =>
  literal(
    `numeric(${precision},${scale})`,
    fc.oneof(
      digits(precision, scale),
      precision > scale ? digits(precision - scale, 0) : digits(precision, scale),
      fc.constant('0'),
    ),
  )

const float8 = fc.oneof(
  fc.double({ noDefaultInfinity: false }).map(spelled),
  fc.constantFrom(
    'NaN',
    'Infinity',
    '-Infinity',
    '-0',
    '1e15',
    '1e-5',
    '123456789012345680',
    '9007199254740993',
    '5e-324',
    '1e22',
  ),
  fc.double({ min: 2 ** 53, max: 2 ** 90 }).map(spelled),
)
const float4 = fc.oneof(
  fc.float().map(spelled),
  fc.constantFrom('NaN', 'Infinity', '-0', '7.038531e-26', '1e6', '999999', '0.0001', '16777216', '1.17549435e-38', '1e-45'),
  fc.integer({ min: -126, max: 127 }).map((power) => spelled(Math.fround(2 ** power))),
)

function spelled(value: number): string {
  return Object.is(value, -0) ? '-0' : String(value)
}

const DAY = 86_400
const clock = fc.tuple(fc.integer({ min: 0, max: DAY - 1 }), fc.integer({ min: 0, max: 999_999 })).map(([seconds, micros]) => {
  const pad = (value: number, length = 2) => String(value).padStart(length, '0')
  return `${pad(Math.floor(seconds / 3600))}:${pad(Math.floor(seconds / 60) % 60)}:${pad(seconds % 60)}.${pad(micros, 6)}`
})
const day = fc.oneof(fc.integer({ min: -719_162, max: 2_932_896 }), fc.integer({ min: -40_000, max: 40_000 }))
const date = day.map((days) => `(date '1970-01-01' + (${days}))`)
const moment = fc.tuple(date, clock).map(([civil, time]) => `(${civil} + time '${time}')`)
const anyDate = fc.oneof(
  date,
  fc.constantFrom(`date 'infinity'`, `date '-infinity'`, `date '0044-03-15 BC'`, `date '12345-06-07'`),
)
const anyMoment = fc.oneof(
  moment,
  fc.constantFrom(
    `timestamp 'infinity'`,
    `timestamp '0044-03-15 12:00:00.5 BC'`,
    `timestamp '294276-12-31 23:59:59.999999'`,
    `timestamp '4714-11-24 00:00:00 BC'`,
  ),
)
const zone = fc.constantFrom('+00', '+02', '-03:30', '+05:45', '-12', '+13:00:07')
const interval = fc
  .tuple(
    fc.integer({ min: -30_000, max: 30_000 }),
    fc.integer({ min: -40_000, max: 40_000 }),
    fc.oneof(fc.bigInt({ min: -(2n ** 52n), max: 2n ** 52n }), fc.constantFrom(0n, 1n, -1n, 60_000_000n, -3_600_000_000n)),
  )
  .map(([months, days, micros]) => `${months} months ${days} days ${micros} microseconds`)

const bits = (min: number, max: number) => fc.string({ unit: fc.constantFrom('0', '1'), minLength: min, maxLength: max })
const hexBytes = fc.uint8Array({ maxLength: 40 }).map((bytes) => `\\x${Buffer.from(bytes).toString('hex')}`)
const words = fc.array(fc.constantFrom('0', '0', '1', 'ffff', 'abc', '7f00'), { minLength: 8, maxLength: 8 })
const network = fc.oneof(
  fc.ipV4(),
  words.map((list) => list.join(':')),
  fc.constantFrom('::', '::1', '::ffff:1.2.3.4', '1::', '::2'),
)
const coordinate = fc.oneof(
  fc.integer({ min: -1000, max: 1000 }),
  fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e20, max: 1e20 }),
)
const point = fc.tuple(coordinate, coordinate).map(([x, y]) => `(${x},${y})`)
const points = fc.array(point, { minLength: 1, maxLength: 4 })
const json = fc.json({ maxDepth: 3, noUnicodeString: false }).filter((value) => !/\\u0000|\\ud[89a-f]/i.test(value))

/** Types whose every value the lake holds as it is. */
export const EXACT_TYPES: readonly RandomType[] = [
  literal('bool', fc.boolean().map(String)),
  literal('int2', integer(16)),
  literal('int4', integer(32)),
  literal('int8', integer(64)),
  literal('oid', fc.integer({ min: 0, max: 0xffff_ffff }).map(String)),
  literal('xid8', fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map(String)),
  literal('float4', float4),
  literal('float8', float8),
  decimal(1, 0),
  decimal(12, 2),
  decimal(5, 5),
  decimal(16, 3),
  decimal(18, 4),
  decimal(38, 0),
  decimal(38, 10),
  decimal(38, 37),
  literal('numeric(50,3)', digits(50, 3)),
  literal(
    'numeric',
    fc.oneof(
      digits(30, 12),
      digits(5, 40),
      digits(60, 0),
      fc.constantFrom('NaN', 'Infinity', '-Infinity', '1e200', '1e-150', '0.00'),
    ),
  ),
  literal('text', text),
  literal('varchar(200)', text),
  literal(
    'char(9)',
    text.map((value) => [...value].slice(0, 4).join('')),
  ),
  literal('name', fc.constantFrom('', 'a', 'Ünïcode name', 'pg_class')),
  literal('"char"', fc.constantFrom('', 'a', '\\', '~')),
  literal('uuid', fc.uuid()),
  literal('bytea', hexBytes),
  { sql: 'date', ddl: [], value: date },
  literal('time', clock),
  literal('time(3)', clock),
  literal(
    'timetz',
    fc.tuple(clock, zone).map(([time, offset]) => time + offset),
  ),
  { sql: 'timestamp', ddl: [], value: moment },
  { sql: 'timestamp(0)', ddl: [], value: moment.map((value) => `least(${value}, timestamp '9999-12-31')`) },
  { sql: 'timestamptz', ddl: [], value: moment.map((value) => `${value} at time zone 'UTC'`) },
  literal('interval', interval),
  literal('json', json),
  literal('jsonb', json),
  literal('inet', fc.oneof(network, fc.constantFrom('10.1.2.3/8', '::1/64'))),
  literal('cidr', fc.constantFrom('10.0.0.0/8', '1.2.3.4/32', '::/0', 'ab:cd::/32')),
  literal('macaddr', fc.constant('08:00:2b:01:02:0f')),
  literal('macaddr8', fc.constant('08:00:2b:01:02:03:04:0f')),
  literal('bit(11)', bits(11, 11)),
  literal('varbit', bits(0, 70)),
  literal('xml', fc.constantFrom('<a>ü</a>', '<?xml version="1.0"?><a/>', 'just text', '<b c="1"/>')),
  literal('money', fc.constantFrom('1234567.89', '-0.01', '0')),
  literal('pg_lsn', fc.constantFrom('0/0', '16/B374D848', 'FFFFFFFF/FFFFFFFF')),
  literal('tsvector', fc.constantFrom('', "a fat:2,4 cat:3A 'it''s' 'b\\\\c':1B", 'x:1C,2D')),
  literal('tsquery', fc.constantFrom("fat & (rat | 'cat dog')", '!a <2> b')),
  literal('jsonpath', fc.constantFrom('$.a[*] ? (@ > 1)', '$')),
  literal('pg_snapshot', fc.constantFrom('10:20:10,14,15', '1:1:')),
  literal('int2vector', fc.constantFrom('', '1 -2 3')),
  literal('oidvector', fc.constantFrom('1 4000000000')),
  literal('xid', fc.constantFrom('0', '4294967295')),
  literal('tid', fc.constantFrom('(0,1)', '(4294967295,65535)')),
  literal('point', point),
  literal(
    'lseg',
    fc.tuple(point, point).map(([a, b]) => `[${a},${b}]`),
  ),
  literal(
    'box',
    fc.tuple(point, point).map(([a, b]) => `${a},${b}`),
  ),
  literal(
    'path',
    points.map((list) => `[${list.join(',')}]`),
  ),
  literal(
    'path',
    points.map((list) => `(${list.join(',')})`),
  ),
  literal(
    'polygon',
    points.map((list) => `(${list.join(',')})`),
  ),
  literal(
    'circle',
    fc.tuple(point, fc.integer({ min: 0, max: 99 })).map(([center, radius]) => `<${center},${radius}>`),
  ),
  literal('line', fc.constantFrom('{1,2,3}', '{0.1,-1,1e20}')),
  literal('regtype', fc.constantFrom('int4', 'text')),
  literal('hstore', fc.constantFrom('', 'a=>1, "b c"=>NULL, "q\\"x"=>"back\\\\slash"')),
  literal('citext', text),
  literal('mood', fc.constantFrom('sad', 'it\'s "fine", ok', 'ü')),
  literal('ltree', fc.constantFrom('a.b.c', 'top')),
  literal('int4range', fc.constantFrom('empty', '[1,5)', '(,3)', '(,)')),
  literal('numrange', fc.constantFrom('[1.50,2.5]', '(,7]')),
  {
    sql: 'tsrange',
    ddl: [],
    value: fc.tuple(moment, moment).map(([a, b]) => `tsrange(least(${a},${b}), greatest(${a},${b}), '[]')`),
  },
  { sql: 'tstzrange', ddl: [], value: anyMoment.map((value) => `tstzrange(${value} at time zone 'UTC', null)`) },
  literal('daterange', fc.constantFrom('[2020-01-01,2021-01-01)', '[-infinity,infinity]')),
  {
    sql: 'textrange',
    ddl: [],
    value: fc.tuple(text, text).map(([a, b]) => `textrange(least(${quote(a)},${quote(b)}), greatest(${quote(a)},${quote(b)}))`),
  },
  literal('int4multirange', fc.constantFrom('{}', '{[1,3),[7,9)}')),
  literal('nummultirange', fc.constantFrom('{(,1.5],[3,3]}')),
]

/** As parts of arrays and composites anything goes: they are text. */
const PARTS: readonly RandomType[] = [
  ...EXACT_TYPES.filter(
    ({ sql }) => sql !== 'money' && sql !== 'hstore' && sql !== 'tsquery' && sql !== 'regtype' && !sql.endsWith('vector'),
  ),
  { sql: 'date', ddl: [], value: anyDate },
  { sql: 'timestamp', ddl: [], value: anyMoment },
  { sql: 'timestamptz', ddl: [], value: anyMoment.map((value) => `${value} at time zone 'UTC'`) },
  literal('time', fc.constant('24:00:00')),
]

const orNull = (value: fc.Arbitrary<string>) => fc.option(value, { nil: 'null', freq: 6 })

/** `shifted`: lower bounds other than 1 too; the oracle of a composite cannot say them. */
function arrayOf(element: RandomType, withShifted = true): RandomType {
  const base = element.sql
  const flat = fc.array(orNull(element.value), { maxLength: 4 }).map((items) => `array[${items.join(',')}]::${base}[]`)
  const square = fc
    .tuple(fc.integer({ min: 1, max: 3 }), fc.array(orNull(element.value), { minLength: 6, maxLength: 6 }))
    .map(
      ([width, items]) =>
        `array[array[${items.slice(0, width).join(',')}],array[${items.slice(3, 3 + width).join(',')}]]::${base}[]`,
    )
  const shifted = fc
    .tuple(fc.integer({ min: -3, max: 3 }), fc.array(orNull(element.value), { minLength: 2, maxLength: 2 }))
    .map(([lower, items]) => `('[${lower}:${lower + 1}]=' || array[${items.join(',')}]::${base}[]::text)::${base}[]`)
  return { sql: `${base}[]`, ddl: element.ddl, value: withShifted ? fc.oneof(flat, square, shifted) : fc.oneof(flat, square) }
}

let serial = 0

function compositeOf(parts: readonly RandomType[]): RandomType {
  const name = `composite_${++serial}`
  const attributes = parts.map((part, i) => `"${i === 0 ? `it's a ""b""` : `a${i}`}" ${part.sql}`)
  return {
    sql: name,
    ddl: [...parts.flatMap(({ ddl }) => ddl), `create type ${name} as (${attributes.join(', ')})`],
    value: fc.tuple(...parts.map(({ value }) => orNull(value))).map((values) => `row(${values.join(',')})::${name}`),
  }
}

function domainOf(type: RandomType): RandomType {
  const name = `domain_${++serial}`
  return {
    sql: name,
    ddl: [...type.ddl, `create domain ${name} as ${type.sql}`],
    value: type.value.map((value) => `(${value})::${name}`),
  }
}

const part = fc.constantFrom(...PARTS)
const composite = fc.array(part, { minLength: 1, maxLength: 4 }).map((parts) => shown(compositeOf(parts)))

/** A column of any type. */
export const randomType: fc.Arbitrary<RandomType> = fc
  .oneof(
    { weight: 6, arbitrary: fc.constantFrom(...EXACT_TYPES) },
    { weight: 1, arbitrary: fc.constantFrom(...EXACT_TYPES).map(domainOf) },
    { weight: 2, arbitrary: part.map((type) => arrayOf(type)) },
    { weight: 1, arbitrary: part.map(domainOf).map((type) => arrayOf(type)) },
    { weight: 2, arbitrary: composite },
    { weight: 1, arbitrary: composite.map((type) => arrayOf(type)) },
    {
      weight: 1,
      arbitrary: fc
        .tuple(
          part.map((type) => arrayOf(type, false)),
          composite,
        )
        .map((parts) => compositeOf(parts)),
    },
  )
  .map(shown)
