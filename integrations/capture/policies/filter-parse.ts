/**
 * Row filters: the small part of SQL that means the same here and in the source. Columns are compared with constants; `and`, `or`,
 * `not`, `in`, `between`, `is null` and three-valued logic are SQL's. Text is only compared for equality: order depends on collations
 * that only the source has. Pure.
 */

export type Comparison = '=' | '<>' | '<' | '<=' | '>' | '>='

/** `text`: a quoted constant, or date and timestamp constants; `number` as it is written. */
export type Constant =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'number'; readonly text: string }
  | { readonly kind: 'bool'; readonly value: boolean }

export type Filter =
  | { readonly kind: 'and' | 'or'; readonly terms: readonly Filter[] }
  | { readonly kind: 'not'; readonly term: Filter }
  | { readonly kind: 'compare'; readonly column: string; readonly op: Comparison; readonly with: Constant }
  | { readonly kind: 'in'; readonly column: string; readonly constants: readonly Constant[] }
  | { readonly kind: 'is-null'; readonly column: string }

export type ParsedFilter = { readonly filter: Filter } | { readonly problem: string }

/** Reads a filter. The problem says where, what was found and what was expected. */
export function parseFilter(text: string): ParsedFilter {
  try {
    const parser = new Parser(tokens(text))
    const filter = parser.expression()
    parser.end()
    return { filter }
  } catch (error) {
    if (error instanceof FilterProblem) return { problem: error.message }
    throw error
  }
}

/** The names of the columns that a filter looks at, each once. */
export function filterColumns(filter: Filter): ReadonlySet<string> {
  switch (filter.kind) {
    case 'and':
    case 'or':
      return new Set(filter.terms.flatMap((term) => [...filterColumns(term)]))
    case 'not':
      return filterColumns(filter.term)
    default:
      return new Set([filter.column])
  }
}

/** The filter as SQL of an engine whose identifiers and text constants are quoted by the given functions. */
export function filterSql(
  filter: Filter,
  quote: { readonly identifier: (name: string) => string; readonly text: (text: string) => string },
): string {
  const constant = (value: Constant): string =>
    value.kind === 'bool' ? String(value.value) : value.kind === 'number' ? value.text : quote.text(value.text)
  switch (filter.kind) {
    case 'and':
    case 'or':
      return `(${filter.terms.map((term) => filterSql(term, quote)).join(` ${filter.kind} `)})`
    case 'not':
      return `(not ${filterSql(filter.term, quote)})`
    case 'compare':
      return `${quote.identifier(filter.column)} ${filter.op} ${constant(filter.with)}`
    case 'in':
      return `${quote.identifier(filter.column)} in (${filter.constants.map(constant).join(', ')})`
    case 'is-null':
      return `${quote.identifier(filter.column)} is null`
    default:
      return filter satisfies never
  }
}

class FilterProblem extends Error {}

type Token = {
  readonly kind: 'name' | 'quoted' | 'text' | 'number' | 'sign' | 'end'
  readonly text: string
  readonly at: number
}

const TOKEN = /\s+|([A-Za-z_][\w$]*)|"((?:[^"]|"")+)"|'((?:[^']|'')*)'|(-?\d+(?:\.\d+)?)|(<>|!=|<=|>=|[=<>(),])/y

function tokens(text: string): readonly Token[] {
  const found: Token[] = []
  TOKEN.lastIndex = 0
  while (TOKEN.lastIndex < text.length) {
    const at = TOKEN.lastIndex
    const match = TOKEN.exec(text)
    if (match === null) throw new FilterProblem(`character ${at + 1}: found "${text[at]}", which no filter has`)
    const [, name, quoted, literal, number, sign] = match
    if (name !== undefined) found.push({ kind: 'name', text: name.toLowerCase(), at })
    else if (quoted !== undefined) found.push({ kind: 'quoted', text: quoted.replaceAll('""', '"'), at })
    else if (literal !== undefined) found.push({ kind: 'text', text: literal.replaceAll("''", "'"), at })
    else if (number !== undefined) found.push({ kind: 'number', text: number, at })
    else if (sign !== undefined) found.push({ kind: 'sign', text: sign === '!=' ? '<>' : sign, at })
  }
  return [...found, { kind: 'end', text: 'the end', at: text.length }]
}

const COMPARISONS: ReadonlySet<string> = new Set(['=', '<>', '<', '<=', '>', '>='])
const KEYWORDS: ReadonlySet<string> = new Set(['and', 'or', 'not', 'in', 'between', 'is', 'null', 'true', 'false'])
const TYPED_CONSTANTS: ReadonlySet<string> = new Set(['date', 'timestamp', 'timestamptz'])

class Parser {
  readonly #tokens: readonly Token[]
  #next = 0

  constructor(all: readonly Token[]) {
    this.#tokens = all
  }

  expression(): Filter {
    return this.#joined('or', () => this.#joined('and', () => this.#negated()))
  }

  end(): void {
    const token = this.#peek()
    if (token.kind !== 'end') throw this.#problem(token, 'and, or, or the end')
  }

  #joined(kind: 'and' | 'or', part: () => Filter): Filter {
    const terms = [part()]
    while (this.#accept('name', kind)) terms.push(part())
    const [first] = terms
    return terms.length === 1 && first !== undefined ? first : { kind, terms }
  }

  #negated(): Filter {
    if (this.#accept('name', 'not')) return { kind: 'not', term: this.#negated() }
    if (this.#accept('sign', '(')) {
      const inner = this.expression()
      this.#expect('sign', ')')
      return inner
    }
    return this.#condition()
  }

  #condition(): Filter {
    const column = this.#column()
    if (this.#accept('name', 'is')) {
      const negated = this.#accept('name', 'not')
      this.#expect('name', 'null')
      return negate(negated, { kind: 'is-null', column })
    }
    const negated = this.#accept('name', 'not')
    if (this.#accept('name', 'in')) {
      this.#expect('sign', '(')
      const constants = [this.#constant()]
      while (this.#accept('sign', ',')) constants.push(this.#constant())
      this.#expect('sign', ')')
      return negate(negated, { kind: 'in', column, constants })
    }
    if (this.#accept('name', 'between')) {
      const low = this.#constant()
      this.#expect('name', 'and')
      const terms: readonly Filter[] = [
        { kind: 'compare', column, op: '>=', with: low },
        { kind: 'compare', column, op: '<=', with: this.#constant() },
      ]
      return negate(negated, { kind: 'and', terms })
    }
    const token = this.#peek()
    if (negated) throw this.#problem(token, 'in or between after not')
    if (token.kind === 'sign' && COMPARISONS.has(token.text)) {
      this.#next++
      return { kind: 'compare', column, op: token.text as Comparison, with: this.#constant() }
    }
    // A column alone is a condition when it is boolean.
    return { kind: 'compare', column, op: '=', with: { kind: 'bool', value: true } }
  }

  #column(): string {
    const token = this.#peek()
    const isName = token.kind === 'quoted' || (token.kind === 'name' && !KEYWORDS.has(token.text))
    if (!isName) throw this.#problem(token, 'a column')
    this.#next++
    return token.text
  }

  #constant(): Constant {
    const token = this.#peek()
    if (token.kind === 'name' && TYPED_CONSTANTS.has(token.text)) {
      this.#next++
      const text = this.#peek()
      if (text.kind !== 'text') throw this.#problem(text, `a quoted constant after ${token.text}`)
      this.#next++
      return { kind: 'text', text: text.text }
    }
    const bool = token.kind === 'name' && (token.text === 'true' || token.text === 'false')
    if (!bool && token.kind !== 'text' && token.kind !== 'number') {
      throw this.#problem(token, "a constant, such as 12.5, 'paid' or true")
    }
    this.#next++
    if (bool) return { kind: 'bool', value: token.text === 'true' }
    return { kind: token.kind === 'text' ? 'text' : 'number', text: token.text }
  }

  #peek(): Token {
    const token = this.#tokens[this.#next]
    if (token === undefined) throw new FilterProblem('found nothing, expected a condition')
    return token
  }

  #accept(kind: Token['kind'], text: string): boolean {
    const token = this.#peek()
    if (token.kind !== kind || token.text !== text) return false
    this.#next++
    return true
  }

  #expect(kind: Token['kind'], text: string): void {
    if (!this.#accept(kind, text)) throw this.#problem(this.#peek(), text)
  }

  #problem(token: Token, expected: string): FilterProblem {
    const found = token.kind === 'text' ? 'a quoted constant' : token.kind === 'end' ? token.text : `"${token.text}"`
    return new FilterProblem(`character ${token.at + 1}: found ${found}, expected ${expected}`)
  }
}

const negate = (negated: boolean, filter: Filter): Filter => (negated ? { kind: 'not', term: filter } : filter)
