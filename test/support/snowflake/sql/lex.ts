/** Snowflake's tokens with their places: words, quoted names, strings with escapes, numbers, operators; comments are left out. */
import { syntaxError } from './errors.ts'

export type TokenKind = 'word' | 'quoted' | 'string' | 'number' | 'operator' | 'end'

export type Token = {
  readonly kind: TokenKind
  /** A word in upper case, a quoted name and a string without quotes and escapes, else as it is. */
  readonly text: string
  readonly raw: string
  /** From 1. */
  readonly line: number
  /** From 0, within the line. */
  readonly position: number
  /** Offset of the first and behind the last character. */
  readonly start: number
  readonly end: number
}

const WORD = /[A-Za-z_\u0080-\uffff][A-Za-z0-9_$\u0080-\uffff]*/y
/** With what follows without a space: `0x10` and `20y` are parts of paths, and no numbers. */
const NUMBER = /(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?[A-Za-z0-9_]*/y
const SPACE = /(?:\s+|--[^\n]*|\/\/[^\n]*|\/\*[\s\S]*?\*\/)+/y
const OPERATORS = ['::', '||', '<>', '!=', '<=', '>=', '=>', '->', ...'+-*/%=<>(),.;:?[]{}@$'] as const
const ESCAPES: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r', b: '\b', f: '\f', '0': '\0' }

export function lex(text: string): readonly Token[] {
  const tokens: Token[] = []
  let at = 0
  let line = 1
  let lineStart = 0
  const pass = (from: number, to: number): void => {
    for (let index = text.indexOf('\n', from); index !== -1 && index < to; index = text.indexOf('\n', index + 1)) {
      line += 1
      lineStart = index + 1
    }
  }
  const take = (pattern: RegExp): string | null => {
    pattern.lastIndex = at
    return pattern.exec(text)?.[0] ?? null
  }
  for (;;) {
    const space = take(SPACE)
    if (space !== null) {
      pass(at, at + space.length)
      at += space.length
    }
    const place = { line, position: at - lineStart, start: at }
    const add = (kind: TokenKind, value: string, length: number): void => {
      tokens.push({ kind, text: value, raw: text.slice(at, at + length), ...place, end: at + length })
      pass(at, at + length)
      at += length
    }
    const fail = (): never => {
      throw syntaxError({ raw: text.slice(at, at + 1), line: place.line, position: place.position })
    }
    if (at >= text.length) {
      add('end', '', 0)
      return tokens
    }
    const character = text.charAt(at)
    if (text.startsWith('/*', at)) fail()
    const word = take(WORD)
    if (word !== null) add('word', word.toUpperCase(), word.length)
    else if (character === '"') {
      const name = /"((?:[^"]|"")*)"/y
      name.lastIndex = at
      const found = name.exec(text)
      if (found === null || found[1] === '') fail()
      else add('quoted', (found[1] ?? '').replaceAll('""', '"'), found[0].length)
    } else if (character === "'") {
      const found = stringAt(text, at)
      if (found === null) fail()
      else add('string', found.text, found.length)
    } else if (text.startsWith('$$', at)) {
      const end = text.indexOf('$$', at + 2)
      if (end === -1) fail()
      else add('string', text.slice(at + 2, end), end + 2 - at)
    } else {
      const number = take(NUMBER)
      const operator = OPERATORS.find((each) => text.startsWith(each, at))
      if (number !== null) add('number', number, number.length)
      else if (operator !== undefined) add('operator', operator, operator.length)
      else fail()
    }
  }
}

/** A single-quoted string: `''` and backslash escapes. */
function stringAt(text: string, start: number): { readonly text: string; readonly length: number } | null {
  let value = ''
  for (let at = start + 1; at < text.length; at++) {
    const character = text.charAt(at)
    if (character === "'") {
      if (text.charAt(at + 1) !== "'") return { text: value, length: at + 1 - start }
      value += "'"
      at += 1
    } else if (character === '\\') {
      const next = text.charAt(at + 1)
      const hex = /^(?:u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2}))/.exec(text.slice(at + 1, at + 6))
      if (hex !== null) {
        value += String.fromCharCode(Number.parseInt(hex[1] ?? hex[2] ?? '', 16))
        at += hex[0].length
      } else {
        value += ESCAPES[next] ?? next
        at += 1
      }
    } else value += character
  }
  return null
}
