/** Seeded chance, and SQL literals of every type that random work uses. */

export type Random = {
  readonly chance: (of: number) => boolean
  readonly below: (limit: number) => number
  readonly pick: <T>(items: readonly T[]) => T
}

export function seeded(seed: number): Random {
  let state = seed >>> 0
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
  return {
    chance: (of) => next() < of,
    below: (limit) => Math.floor(next() * limit),
    pick: (items) => {
      const item = items[Math.floor(next() * items.length)]
      if (item === undefined && items.length === 0) throw new Error('nothing to pick from')
      return item as (typeof items)[number]
    },
  }
}

const big = (random: Random): string =>
  `(select string_agg(md5((i * ${1 + random.below(100_000)})::text), '') from generate_series(1, ${random.pick([2, 80, 300, 900])}) i)`

export const VALUES: Readonly<Record<string, (random: Random) => string>> = {
  smallint: (r) => String(r.below(65_536) - 32_768),
  integer: (r) => `(${r.below(2 ** 32) - 2 ** 31})`,
  bigint: (r) => `(${r.below(2 ** 50) - 2 ** 49})`,
  real: (r) => r.pick(["'NaN'", '1.5', '-0.1', '3e38', `(${r.below(1000)}::real / 7)`]),
  'double precision': (r) => r.pick(["'Infinity'", '-1e-300', `(${r.below(1000)}::float8 / 7)`]),
  numeric: (r) => r.pick([`${r.below(1000)}.${r.below(1000)}`, '1e40', '-0.000000001']),
  'numeric(10,2)': (r) => `${r.below(1e6)}.${r.below(100)}`,
  'numeric(20,2)': (r) => `${r.below(1e15)}.5`,
  'numeric(20,4)': (r) => `${r.below(1e15)}.1234`,
  text: (r) => (r.chance(0.3) ? big(r) : r.pick([`'t${r.below(1000)}'`, "''", `E'a\\n\\t"''\\\\'`, "'ü😀'", `'x'`])),
  'character varying(20)': (r) => `'v${r.below(1000)}'`,
  'character varying(40)': (r) => `'w${r.below(1000)}'`,
  'character varying': (r) => (r.chance(0.2) ? big(r) : `'z${r.below(1000)}'`),
  'character(5)': (r) => `'c${r.below(100)}'`,
  bytea: (r) => (r.chance(0.2) ? `decode(${big(r)}, 'hex')` : `'\\x00ff${r.below(90) + 10}'::bytea`),
  boolean: (r) => r.pick(['true', 'false']),
  date: (r) => `date '2020-01-01' + ${r.below(4000)}`,
  'time without time zone': (r) => `time '12:34:56.${r.below(1e6)}'`,
  'timestamp without time zone': (r) => `timestamp '1969-12-31 23:59:59.999999' + ${r.below(1e6)} * interval '1.000001 s'`,
  'timestamp with time zone': (r) => `timestamptz '2024-03-31 01:30:00+01' + ${r.below(1e6)} * interval '1 s'`,
  interval: (r) => `interval '${r.below(100)} days ${r.below(1000)} ms'`,
  uuid: (r) => `md5('${r.below(1e6)}')::uuid`,
  json: (r) => r.pick([`'{"a": ${r.below(9)} }'`, "'null'", `('"' || ${big(r)} || '"')::json`]),
  jsonb: (r) => r.pick([`'{"b":[1,${r.below(9)}.50]}'`, "'null'", `to_jsonb(${big(r)})`]),
  'integer[]': (r) => r.pick([`'{1,NULL,${r.below(9)}}'`, "'{}'", "'{{1,2},{3,4}}'"]),
  'text[]': (r) => r.pick([`'{"a,b",NULL,"\\""}'`, "'{}'"]),
  mood: (r) => r.pick(["'sad'", "'ok'", `'it''s "fine"'`]),
  money_text: (r) => `'dom${r.below(100)}'`,
  pair: (r) => `row(${r.below(100)}, 'p"${r.below(9)}')::pair`,
  int4range: (r) => `int4range(${r.below(10)}, ${10 + r.below(10)})`,
  inet: (r) => `'10.0.0.${r.below(256)}/24'`,
}
export const TYPE_NAMES = Object.keys(VALUES)
/** What a key may be made of. */
export const KEYS = [
  'integer',
  'bigint',
  'text',
  'uuid',
  'date',
  'numeric(10,2)',
  'character varying(20)',
  'timestamp with time zone',
  'boolean',
]

export const WIDER: Readonly<Record<string, readonly string[]>> = {
  smallint: ['integer', 'bigint'],
  integer: ['bigint', 'text', 'numeric(20,2)'],
  real: ['double precision'],
  'numeric(10,2)': ['numeric(20,2)', 'numeric(20,4)', 'numeric'],
  'numeric(20,2)': ['numeric(20,4)', 'numeric'],
  'character varying(20)': ['character varying(40)', 'character varying', 'text'],
  'character varying(40)': ['character varying', 'text'],
  'character varying': ['text'],
  date: ['timestamp without time zone'],
  json: ['jsonb', 'text'],
}
