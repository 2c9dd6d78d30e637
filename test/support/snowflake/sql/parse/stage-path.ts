/** Stage paths: `@db.schema.stage/a/b%20c/`, quoted as a whole, or a string literal's content. Their text is taken as it is. */
import type { StagePath } from '../ast.ts'
import { lex } from '../lex.ts'
import { Cursor } from './cursor.ts'

/** Characters of a path without quotes; whoever needs others quotes the whole. */
const PATH_END = /[\s,;()'"]/

export function stagePath(cursor: Cursor): StagePath {
  const at = cursor.place
  if (cursor.peek().kind === 'string') {
    const { text } = cursor.peek()
    if (!text.startsWith('@')) cursor.fail()
    const inner = new Cursor(text, lexed(text, cursor))
    const found = stagePath(inner)
    if (inner.peek().kind !== 'end') cursor.fail()
    cursor.take()
    return { ...found, at }
  }
  cursor.expectOperator('@')
  if (cursor.seesOperator('%') || cursor.seesOperator('~')) cursor.fail()
  const name = cursor.objectName()
  const start = cursor.end
  let end = start
  if (cursor.text.charAt(start) === '/') {
    while (end < cursor.text.length && !PATH_END.test(cursor.text.charAt(end))) end += 1
    while (cursor.peek().kind !== 'end' && cursor.peek().start < end) cursor.take()
  }
  return { name, path: cursor.text.slice(start, end).replace(/^\//, ''), at }
}

/** A string that holds a path with characters that no token has is still a path: only its beginning must be words. */
function lexed(text: string, cursor: Cursor) {
  try {
    return lex(text)
  } catch {
    return cursor.fail()
  }
}
