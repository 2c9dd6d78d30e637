/** A table with every type of the type table, at its extremes: values as SQL, and how Postgres and DuckDB say the same of them. */

export type TypedColumn = {
  /** Column type as in DDL. */
  readonly type: string
  /** SQL expressions of its values. NULL comes on top. */
  readonly values: readonly string[]
  /** Text of the column in Postgres; `$` is the column. Default: what its output function prints. */
  readonly source?: string
  /** The same from DuckDB's relation. Default: `$`. */
  readonly lake?: string
  /** Its send form is not understood: one such column makes the server send everything as text. */
  readonly asText?: boolean
  /** Compared as the number it is: engines print floats differently. */
  readonly float?: 'single' | 'double'
}

/** Before the table. `hstore`, `citext` and `ltree` are in the server's contrib. */
export const TYPED_TABLE_TYPES = /* sql */ `
  create extension hstore; create extension citext; create extension ltree; create extension cube;
  create type public.mood as enum ('sad', 'it''s "fine", ok', 'ü', '');
  create type public.textrange as range (subtype = text);
  create domain public.small as int2 check (value <> 7);
  create domain public.amount as numeric(12,2);
  create domain public.smaller as public.small;
  create domain public.tags as text[];
  create domain public.moods as public.mood;
  create domain public.born as date;
  create type public.address as (street text, "No ""1""" int4, since date, floor numeric);
  create type public.person as (name text, home public.address, others public.address[], feeling public.mood, ok bool);
  create domain public.home as public.address;
`

const OUTPUT = `case when $ is not null then format('%s', $) end`
const US = '(extract(epoch from $) * 1000000)::bigint::text'
const EPOCH_US = 'epoch_us($)::varchar'
const CLOCK = `to_char($, 'HH24:MI:SS.US')`
const AS_JSON = 'to_json($)::text'

const list = (type: string, ...texts: readonly string[]): readonly string[] =>
  texts.map((text) => `'${text.replaceAll("'", "''")}'::${type}`)

const simple = (type: string, ...texts: readonly string[]): TypedColumn => ({ type, values: list(type, ...texts) })
const json = (type: string, ...values: readonly string[]): TypedColumn => ({ type, values, source: AS_JSON })

const FLOATS = ['NaN', 'Infinity', '-Infinity', '-0', '0', '0.1']

export const TYPED_COLUMNS: readonly TypedColumn[] = [
  { ...simple('bool', 'true', 'false'), source: '$::text' },
  simple('int2', '-32768', '32767', '0'),
  simple('int4', '-2147483648', '2147483647', '0'),
  simple('int8', '-9223372036854775808', '9223372036854775807', '9007199254740993', '0'),
  simple('oid', '0', '4294967295'),
  simple('xid8', '0', '18446744073709551615'),
  { ...simple('float4', ...FLOATS, '3.4028235e38', '1e-45', '16777216'), float: 'single' },
  { ...simple('float8', ...FLOATS, '1.7976931348623157e308', '5e-324', '9007199254740993'), float: 'double' },
  simple('numeric(38,0)', '9'.repeat(38), `-${'9'.repeat(38)}`, '0', '-1'),
  simple('numeric(38,38)', `0.${'9'.repeat(38)}`, `-0.${'9'.repeat(38)}`, '0'),
  simple('numeric(38,10)', `${'9'.repeat(28)}.${'9'.repeat(10)}`, '-0.0000000001', '1'),
  simple('numeric(5,5)', '0.99999', '-0.99999', '0.00001', '0'),
  simple('numeric(12,2)', '9999999999.99', '-0.01', '7'),
  simple('numeric(3,-2)', '99900', '-100', '0'),
  simple('numeric(2,4)', '0.0099', '-0.0001', '0'),
  simple('numeric(9,2)', '9999999.99', '-9999999.99'),
  simple('numeric(18,4)', '99999999999999.9999', '-0.0001'),
  simple('numeric(50,3)', `${'9'.repeat(47)}.999`, '-0.001', 'NaN'),
  simple('numeric', `${'1234567890'.repeat(400)}.5`, `-0.${'0'.repeat(300)}1`, '0.100', 'NaN', 'Infinity', '-Infinity', '0'),
  {
    type: 'text',
    values: [
      `''`,
      `E'\\uFFFF'`,
      `'😀 ü 日本 \u{10ffff}'`,
      `E'\\u0001\\t\\n\\r\\\\ " '' \\uFEFF'`,
      `'NULL'`,
      `'\\N'`,
      `repeat('äb€😀', 100000)`,
      `(select string_agg(md5(i::text), '') from generate_series(1, 32768) i)`,
    ],
  },
  simple('varchar', '', ' trailing  '),
  simple('varchar(3)', 'äöü', ''),
  simple('char(5)', '', 'ab', 'abcde'),
  simple('char', 'x'),
  simple('"char"', '', 'a', '\\', '\\377'),
  simple('name', 'a', 'Ünïcode name'),
  simple('citext', 'MiXed', ''),
  simple('uuid', '00000000-0000-0000-0000-000000000000', 'ffffffff-ffff-ffff-ffff-ffffffffffff'),
  {
    type: 'bytea',
    values: [
      `''::bytea`,
      `'\\x00'::bytea`,
      `(select string_agg(set_byte('\\x00'::bytea, 0, i), '' order by i) from generate_series(0, 255) i)`,
      `'\\xc328ff'::bytea`,
    ],
    source: `encode($, 'hex')`,
    lake: 'lower(hex($))',
  },
  simple('date', '0001-01-01', '9999-12-31', '1582-10-10', '1970-01-01', '1900-02-28'),
  { ...simple('time', '00:00', '23:59:59.999999', '12:30:00.5'), source: CLOCK },
  { ...simple('time(3)', '00:00:00.001'), source: CLOCK },
  simple('timetz', '00:00+15:59:59', '24:00:00-15:59', '12:00:00.123456+00'),
  {
    ...simple('timestamp', '0001-01-01 00:00', '9999-12-31 23:59:59.999999', '1969-12-31 23:59:59.999999', '1900-01-01 00:00'),
    source: US,
    lake: EPOCH_US,
  },
  { ...simple('timestamp(0)', '2020-02-29 12:00:00'), source: US, lake: EPOCH_US },
  {
    ...simple(
      'timestamptz',
      '0001-01-01 00:00+00',
      '9999-12-31 23:59:59.999999+00',
      '2024-03-31 02:30:00+01',
      '1883-11-18 12:00+00',
    ),
    source: US,
    lake: EPOCH_US,
  },
  simple(
    'interval',
    '0',
    '178000000 years',
    '-178000000 years',
    '1 year -2 mons 3 days -04:05:06.000007',
    '-00:00:00.000001',
    '2562047788:00:54.775807',
  ),
  simple('json', '{"b" : 1,  "a": [1.10, null], "b": 2}', 'null', '""', '"\\u00e9\\ud83d\\ude00"', '1e400'),
  simple('jsonb', '{"b": 1, "a": [1.10, null, 12345678901234567890.123]}', 'null', '""', '[]', '"\\ud83d\\ude00"'),
  simple('inet', '10.1.2.3/8', '::1', '::ffff:1.2.3.4/97', '255.255.255.255'),
  simple('cidr', '10.0.0.0/8', '::/0'),
  simple('macaddr', '08:00:2b:01:02:0f'),
  simple('macaddr8', '08:00:2b:01:02:03:04:0f'),
  simple('bit(11)', '10101010101', '00000000000'),
  simple('varbit', '', '1', '0'.repeat(65)),
  simple('xml', '<a>ü</a>', '<?xml version="1.0"?><a/>', ''),
  { ...simple('money', '-92233720368547758.08', '92233720368547758.07', '0'), asText: true },
  simple('pg_lsn', '0/0', 'FFFFFFFF/FFFFFFFF'),
  simple('tsvector', '', "a fat:2,4 cat:3A 'it''s'"),
  { ...simple('tsquery', "fat & (rat | 'cat dog')"), asText: true },
  simple('jsonpath', '$.a[*] ? (@ > 1)'),
  simple('point', '(1.5,-0)', '(NaN,Infinity)'),
  simple('line', '{1,2,3}'),
  simple('lseg', '[(0,0),(1,1e20)]'),
  simple('box', '(1,1),(0,0)'),
  simple('path', '[(0,0),(1,1)]', '((0,0),(1,1))'),
  simple('polygon', '((0,0),(1,1),(2,0))'),
  simple('circle', '<(0,0),1.5>'),
  { ...simple('regtype', 'integer'), asText: true },
  simple('hstore', '', 'a=>1, "b c"=>NULL, "q\\"x"=>"back\\\\slash"'),
  simple('ltree', 'a.b.c', ''),
  { ...simple('cube', '(1,2,3)', '(0),(1)'), asText: true },
  simple('int4range', 'empty', '[1,5)', '(,)'),
  simple('int8range', '[-9223372036854775808,9223372036854775807)'),
  simple('numrange', '[1.50,2.5]', '(,7]'),
  simple('daterange', '[-infinity,infinity]', '[0044-03-15 BC,5874897-12-31)'),
  simple('tsrange', '["2020-01-01 00:00:00.5",)', '[-infinity,infinity]'),
  simple('tstzrange', '["294276-12-31 23:59:59.999999+00",infinity]'),
  simple('textrange', '["a,b","c ""d""")', '(,"")'),
  simple('int4multirange', '{}', '{[1,3),[7,9)}'),
  simple('nummultirange', '{(,1.5],[3,3]}'),
  simple('mood', 'sad', 'it\'s "fine", ok', 'ü', ''),
  simple('small', '-32768', '32767'),
  simple('smaller', '0'),
  simple('amount', '9999999999.99', '-0.01'),
  simple('born', '0001-01-01', '9999-12-31'),
  simple('moods', 'ü'),
  json('tags', `'{}'::tags`, `'{a,NULL,"b,c"}'::tags`),
  json(
    'int4[]',
    `'{}'::int4[]`,
    `'{1,NULL,-2147483648}'::int4[]`,
    `'{{1,2},{3,NULL}}'::int4[]`,
    `'{{{1},{2}},{{3},{4}}}'::int4[]`,
  ),
  json('int8[]', `'{9223372036854775807,NULL}'::int8[]`),
  json('float8[]', `'{NaN,-0,1e300,Infinity}'::float8[]`),
  json('numeric(38,0)[]', `array[${'9'.repeat(38)}, null]::numeric(38,0)[]`),
  json('text[]', `array['', 'NULL', null, E'q" \\\\ , {}', '😀']`, `'{}'::text[]`, `array[[null,'a'],['b',null]]`),
  json('bool[]', `array[true, false, null]`),
  json('bytea[]', `array['\\x00ff'::bytea, null, '']`),
  json('date[]', `'{infinity,-infinity,"0044-03-15 BC",5874897-12-31,NULL}'::date[]`),
  json('timestamptz[]', `'{"294276-12-31 23:59:59.999999+00",infinity}'::timestamptz[]`),
  json('time[]', `'{24:00:00,12:00}'::time[]`),
  json('jsonb[]', `array['null'::jsonb, null, '{"a": [1, "x"]}']`),
  json('uuid[]', `array['00000000-0000-0000-0000-000000000000'::uuid]`),
  json('mood[]', `array['ü', null, '']::mood[]`),
  json('int4range[]', `array['[1,5)', null, 'empty']::int4range[]`),
  json('box[]', `array['(1,1),(0,0)', '(3,3),(2,2)']::box[]`),
  json('amount[]', `array[1.5, null]::amount[]`),
  json(
    'address',
    `row('a "b" \\ ,()', 1, '2020-01-01', 1.50)::address`,
    `row(null, null, null, null)::address`,
    `row('', 0, 'infinity', 'NaN')::address`,
  ),
  json('home', `row('', 2, '0044-03-15 BC', null)::home`),
  json('address[]', `array[row('x', 1, null, 0.10)::address, null]`),
  json('person', `row('é', row('s', 1, '2020-01-01', 1), array[row('t', null, null, null)::address, null], 'ü', true)::person`),
  json('person[]', `array[row(null, null, null, null, false)::person]`),
]

/** Columns that stream in binary form. */
export const BINARY_COLUMNS = TYPED_COLUMNS.filter(({ asText }) => asText !== true)

/** Rows without the one of NULLs that stands first. */
export const TYPED_ROWS = Math.max(...TYPED_COLUMNS.map(({ values }) => values.length))

export const columnName = (index: number): string => `c${index}`

/** `create table` with the columns after `id` and `touched`, and the rows 0 (all NULL) to `TYPED_ROWS`. */
export function typedTableSql(table: string, typed = TYPED_COLUMNS): readonly string[] {
  const columns = typed.map(({ type }, i) => `${columnName(i)} ${type}`)
  return [
    `create table ${table} (id int8 primary key, touched int4 not null default 0, ${columns.join(', ')})`,
    ...typedInserts(table, 0, typed),
  ]
}

/** One statement per row, with ids from `from`. */
export function typedInserts(table: string, from: number, typed = TYPED_COLUMNS): readonly string[] {
  return Array.from({ length: TYPED_ROWS + 1 }, (_, row) => {
    const values = typed.map(({ values }) => (row === 0 ? 'null' : (values[(row - 1) % values.length] ?? 'null')))
    return `insert into ${table} values (${from + row}, 0, ${values.join(', ')})`
  })
}

/** Select lists of canonical texts; `sameTyped` compares them. */
export const typedSource = (typed = TYPED_COLUMNS): string =>
  typed.map(({ source = OUTPUT }, i) => `${source.replaceAll('$', `t.${columnName(i)}`)} as ${columnName(i)}`).join(', ')
export const typedLake = (typed = TYPED_COLUMNS): string =>
  typed.map(({ lake = '$' }, i) => `${lake.replaceAll('$', columnName(i))} as ${columnName(i)}`).join(', ')

/** A value of `portage query --format json`, or a text of Postgres, as a text that `===` compares. */
export function comparableText(column: TypedColumn, value: unknown): string | null {
  if (value === null) return null
  const text = Object.is(value, -0) ? '-0' : String(value)
  if (column.float === undefined) return text
  const number = Number(text.replace(/^(-?)inf(?:inity)?$/i, '$1Infinity').replace(/^nan$/i, 'NaN'))
  const rounded = column.float === 'single' ? Math.fround(number) : number
  return Object.is(rounded, -0) ? '-0' : String(rounded)
}
