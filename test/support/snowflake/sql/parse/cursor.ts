/** Walks over a statement's tokens; whatever is not expected is a syntax error with its place. */
import type { Name, ObjectName } from '../ast.ts'
import { type Place, syntaxError } from '../errors.ts'
import type { Token } from '../lex.ts'

/** Words that no unquoted name may be (Snowflake's reserved keywords). */
const RESERVED = new Set(
  (
    'ALL ALTER AND ANY AS BETWEEN BY CASE CAST CHECK COLUMN CONNECT CREATE CROSS CURRENT DELETE DISTINCT DROP ELSE EXISTS FALSE ' +
    'FOLLOWING FOR FROM FULL GRANT GROUP HAVING ILIKE IN INCREMENT INNER INSERT INTERSECT INTO IS JOIN LATERAL LEFT LIKE MINUS ' +
    'NATURAL NOT NULL OF ON OR ORDER QUALIFY REGEXP REVOKE RIGHT RLIKE ROW ROWS SAMPLE SELECT SET SOME START TABLE TABLESAMPLE ' +
    'THEN TO TRIGGER TRUE TRY_CAST UNION UNIQUE UPDATE USING VALUES WHEN WHENEVER WHERE WITH'
  ).split(' '),
)

/** Words that end an expression or a relation where an alias without AS could stand. */
const NO_ALIAS = new Set(
  'EXCEPT LIMIT FETCH OFFSET WINDOW MATCH_RECOGNIZE PIVOT UNPIVOT ASOF AT BEFORE CHANGES ESCAPE'.split(' '),
)

export const isReserved = (word: string): boolean => RESERVED.has(word)

export class Cursor {
  readonly text: string
  readonly #tokens: readonly Token[]
  #next = 0
  /** How many `?` have been met. */
  bindings = 0

  constructor(text: string, tokens: readonly Token[]) {
    this.text = text
    this.#tokens = tokens
  }

  peek(ahead = 0): Token {
    const token = this.#tokens[Math.min(this.#next + ahead, this.#tokens.length - 1)]
    if (token === undefined) throw new RangeError('no tokens')
    return token
  }

  get place(): Place {
    const { line, position } = this.peek()
    return { line, position }
  }

  /** Offset behind the last token taken. */
  get end(): number {
    return this.#tokens[this.#next - 1]?.end ?? 0
  }

  take(): Token {
    const token = this.peek()
    if (token.kind !== 'end') this.#next += 1
    return token
  }

  /** The place to come back to when a choice was wrong. */
  mark(): number {
    return this.#next
  }

  back(mark: number): void {
    this.#next = mark
  }

  fail(): never {
    throw syntaxError(this.peek())
  }

  /** True when the next tokens are these words. */
  sees(...words: readonly string[]): boolean {
    return words.every((word, index) => {
      const token = this.peek(index)
      return token.kind === 'word' && token.text === word
    })
  }

  seesOperator(operator: string, ahead = 0): boolean {
    const token = this.peek(ahead)
    return token.kind === 'operator' && token.text === operator
  }

  accept(...words: readonly string[]): boolean {
    if (!this.sees(...words)) return false
    this.#next += words.length
    return true
  }

  acceptOperator(operator: string): boolean {
    if (!this.seesOperator(operator)) return false
    this.#next += 1
    return true
  }

  expect(...words: readonly string[]): void {
    for (const word of words) if (!this.accept(word)) this.fail()
  }

  expectOperator(operator: string): void {
    if (!this.acceptOperator(operator)) this.fail()
  }

  /** The word among these that is next, taken. */
  oneOf<const W extends string>(...words: readonly W[]): W {
    const found = words.find((word) => this.sees(word))
    if (found === undefined) this.fail()
    this.#next += 1
    return found
  }

  string(): string {
    if (this.peek().kind !== 'string') this.fail()
    return this.take().text
  }

  integer(): number {
    const token = this.peek()
    if (token.kind !== 'number' || !/^\d{1,15}$/.test(token.text)) this.fail()
    return Number(this.take().text)
  }

  boolean(): boolean {
    return this.oneOf('TRUE', 'FALSE') === 'TRUE'
  }

  get seesName(): boolean {
    const token = this.peek()
    return token.kind === 'quoted' || (token.kind === 'word' && !RESERVED.has(token.text))
  }

  get seesAlias(): boolean {
    const token = this.peek()
    return token.kind === 'quoted' || (token.kind === 'word' && !RESERVED.has(token.text) && !NO_ALIAS.has(token.text))
  }

  name(): Name {
    if (!this.seesName) this.fail()
    const at = this.place
    const token = this.take()
    return { text: token.text, quoted: token.kind === 'quoted', at }
  }

  /** `a`, `a.b`, `a.b.c`, `a..c` is not taken. Also `identifier('…')` is not. */
  objectName(most = 3): ObjectName {
    const at = this.place
    const parts = [this.name()]
    while (this.seesOperator('.')) {
      if (parts.length === most) this.fail()
      this.take()
      parts.push(this.name())
    }
    return { parts, at }
  }

  names(): readonly Name[] {
    return this.list(() => this.name())
  }

  /** `( item , … )` */
  list<T>(item: () => T): readonly T[] {
    this.expectOperator('(')
    const items = this.series(item)
    this.expectOperator(')')
    return items
  }

  /** `item , …` */
  series<T>(item: () => T): readonly T[] {
    const items = [item()]
    while (this.acceptOperator(',')) items.push(item())
    return items
  }

  /** The statement's end: an optional semicolon and nothing more. */
  finish(): void {
    this.acceptOperator(';')
    if (this.peek().kind !== 'end') this.fail()
  }
}

/** As the statement says it, for messages: `"a".B`. */
export const nameText = ({ parts }: ObjectName): string => parts.map(quoteIfNeeded).join('.')

export const quoteIfNeeded = ({ text }: Pick<Name, 'text'>): string =>
  /^[A-Z_][A-Z0-9_$]*$/.test(text) ? text : `"${text.replaceAll('"', '""')}"`
