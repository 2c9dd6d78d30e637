/** Stage paths: `@db.schema.stage/a/b%20c/`, quoted as a whole, or a string literal's content. Their text is taken as it is. */
import type { ObjectName, StagePath } from '../ast.ts'
import type { Place } from '../errors.ts'
import type { Cursor } from './cursor.ts'

/** Characters of a path without quotes; whoever needs others quotes the whole. */
const PATH_END = /[\s,;()'"]/

export function stagePath(cursor: Cursor): StagePath {
  const at = cursor.place
  if (cursor.peek().kind === 'string') {
    const found = QUOTED.exec(cursor.peek().text)
    if (found === null) cursor.fail()
    cursor.take()
    return { name: quotedName(found[1] ?? '', at), path: (found[2] ?? '').replace(/^\//, ''), at }
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

/** A whole in quotes: any character may follow the stage's name. */
const QUOTED = /^@((?:(?:"(?:[^"]|"")+"|[A-Za-z_][\w$]*)(?:\.(?!$)|(?=\/|$)))+)(\/[\s\S]*)?$/
const PART = /"((?:[^"]|"")+)"|([A-Za-z_][\w$]*)/g

function quotedName(text: string, at: Place): ObjectName {
  const parts = [...text.matchAll(PART)].map(([, quoted, word]) => ({
    text: quoted === undefined ? (word ?? '').toUpperCase() : quoted.replaceAll('""', '"'),
    quoted: quoted !== undefined,
    at,
  }))
  return { parts, at }
}
