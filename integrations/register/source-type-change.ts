/** How two spellings of one logical type compare, such as `character varying(20)` and `character varying(10)`. Pure. */

type Spelling = { readonly name: string; readonly limits: readonly number[] }

const UNLIMITED_TEXT: ReadonlySet<string> = new Set(['text', 'character varying', 'varchar', 'citext'])
const LIMITED_TEXT: ReadonlySet<string> = new Set(['character', 'char', 'bpchar', 'character varying', 'varchar'])
const ALIASES: Readonly<Record<string, string>> = {
  varchar: 'character varying',
  bpchar: 'character',
  char: 'character',
  decimal: 'numeric',
}

/**
 * `wider`: every value stays what it is and more are possible. `narrower`: some are no longer, or may be stored as another text.
 * `same`: nothing that a reader could notice, such as `oid` for `bigint`. Both are carried as one logical type.
 */
export function sourceTypeChange(from: string, to: string): 'same' | 'wider' | 'narrower' {
  const [old, now] = [spelling(from), spelling(to)]
  if (old.name === now.name) return compareLimits(old, now)
  const toText = isUnlimitedText(now)
  const fromText = isUnlimitedText(old) || LIMITED_TEXT.has(old.name)
  if (toText) return isUnlimitedText(old) ? 'same' : 'wider'
  return fromText ? 'narrower' : 'same'
}

const isUnlimitedText = ({ name, limits }: Spelling): boolean => UNLIMITED_TEXT.has(name) && limits.length === 0

function compareLimits(old: Spelling, now: Spelling): 'same' | 'wider' | 'narrower' {
  if (old.limits.join() === now.limits.join()) return 'same'
  if (now.limits.length === 0) return 'wider'
  if (old.limits.length === 0) return 'narrower'
  if (old.name === 'numeric') {
    const [digits, wanted] = [integerDigits(old), integerDigits(now)]
    return wanted >= digits && (now.limits[1] ?? 0) >= (old.limits[1] ?? 0) ? 'wider' : 'narrower'
  }
  return old.limits.every((limit, index) => (now.limits[index] ?? 0) >= limit) ? 'wider' : 'narrower'
}

const integerDigits = ({ limits: [precision = 0, scale = 0] }: Spelling): number => precision - scale

/** `timestamp(3) without time zone` → `timestamp without time zone` and 3. Unlimited `numeric` has no limits. */
function spelling(type: string): Spelling {
  const limits = /\(([\d, -]+)\)/.exec(type)?.[1]
  const name = type
    .replace(/\([\d, -]+\)/, '')
    .trim()
    .toLowerCase()
  // `character` alone means one character.
  const implied = name === 'character' && limits === undefined ? [1] : []
  return { name: ALIASES[name] ?? name, limits: limits === undefined ? implied : limits.split(',').map(Number) }
}
