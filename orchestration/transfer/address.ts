/** Where rows come from and go to, as one word on the command line. Pure. */
import { homedir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { UsageError } from '../exit-codes.ts'

export type Address =
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'object'; readonly bucket: string; readonly key: string }
  /** `parts` as written between dots, quotes taken off. */
  | { readonly kind: 'table'; readonly connection: string; readonly parts: readonly string[] }
  | { readonly kind: 'query'; readonly connection: string; readonly sql: string }

export const ADDRESS_FORMS: readonly (readonly [string, string])[] = [
  ['core:public.loan', 'a table or view of a database connection; core:loan is in schema public'],
  ['"core:select id from public.loan"', 'a query of it (only to read from); runs read-only'],
  ['hive:sales.visits', 'a table of Hive or Spark, read from its files; with --where through the server'],
  ['lake:loans', 'a table of a lake, of the integration "transfers"'],
  ['lake:member_risk.members', 'a table of an integration of the lake; lake:risk.finance.members has a schema'],
  ['file:members.csv', '.csv .csv.gz .parquet on this machine'],
  ['s3://bucket/key.parquet', 'an object of the bucket of a connection'],
]

const CONNECTION = /^([A-Za-z_][A-Za-z0-9_-]*):(.*)$/s
const QUERY = /^\s*(?:select|with|values|table)\b[\s(]/i
const FILE_NAME = /\.(?:csv|tsv|txt|parquet|gz)$|^[./~]/i

/** Throws `UsageError` with the nearest right form. */
export function parseAddress(text: string): Address {
  if (/^s3:\/\//i.test(text)) return objectAddress(text)
  if (/^file:/i.test(text)) return { kind: 'file', path: filePath(text) }
  const parts = CONNECTION.exec(text)
  if (parts === null) {
    if (FILE_NAME.test(text)) throw new UsageError(`Address "${text}": a file is written file:${text}`)
    throw new UsageError(`Address "${text}": expected connection:table. ${formsText()}`)
  }
  const [, connection = '', rest = ''] = parts
  if (rest.trim() === '') throw new UsageError(`Address "${text}": expected a table behind "${connection}:". ${formsText()}`)
  if (rest.startsWith('//')) {
    throw new UsageError(
      `Address "${connection}://…" is a URL. Give the connection's name in config/connections.yaml, such as core:public.loan`,
    )
  }
  if (QUERY.test(rest)) return { kind: 'query', connection, sql: rest.trim().replace(/;\s*$/, '') }
  return { kind: 'table', connection, parts: nameParts(rest, text) }
}

function objectAddress(text: string): Address {
  const [, bucket = '', key = ''] = /^s3:\/\/([^/]*)\/?(.*)$/is.exec(text) ?? []
  if (bucket === '' || key === '' || key.endsWith('/'))
    throw new UsageError(`Address "${text}": expected s3://bucket/key of one object`)
  return { kind: 'object', bucket, key }
}

function filePath(text: string): string {
  const path = /^file:\/\/\//i.test(text) ? fileURLToPath(text) : text.slice('file:'.length)
  if (/^~\//.test(path)) return join(homedir(), path.slice(2))
  if (path === '') throw new UsageError(`Address "${text}": expected a path behind "file:", such as file:members.csv`)
  return path
}

/** `a.b.c`, each part bare or in double quotes. */
function nameParts(text: string, address: string): readonly string[] {
  const parts: string[] = []
  const part = /(?:"((?:[^"]|"")*)"|([^".]*))(\.|$)/gy
  for (let at = 0; ; ) {
    part.lastIndex = at
    const found = part.exec(text)
    if (found === null)
      throw new UsageError(
        `Address "${address}": names are separated by dots; one with a dot or quote in it stands in double quotes`,
      )
    const name = found[1] === undefined ? (found[2] ?? '').trim() : found[1].replaceAll('""', '"')
    if (name === '') throw new UsageError(`Address "${address}" has an empty name`)
    parts.push(name)
    at = part.lastIndex
    if (found[3] === '') return parts
  }
}

export function formsText(): string {
  const width = Math.max(...ADDRESS_FORMS.map(([form]) => form.length))
  return `Addresses:\n${ADDRESS_FORMS.map(([form, text]) => `  ${form.padEnd(width)}  ${text}`).join('\n')}`
}
