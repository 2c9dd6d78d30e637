/** What a warehouse that reads directories records of a table, and the text that it is recorded as. Pure. */
import { createHash } from 'node:crypto'
import type { Position, TableName, TableSchema } from '../../../connectors/change.ts'
import { typeName } from '../../../connectors/logical-type.ts'
import type { RegisteredFile, TableRegistration } from '../../../connectors/ports.ts'
import { DIRECTORY_FORMATS, type DirectoryFormatName } from './formats.ts'
import { storedSchema } from './stored-schema.ts'

export type Written = { readonly name: string; readonly files: number; readonly rows: number }

/** Change rows above the directory before it, up to and including `through`. */
export type WrittenChanges = Written & {
  readonly through: Position
  /** How many registrations it holds, by order of magnitude: what merging goes by. */
  readonly weight: number
}

export type TableState = {
  readonly table: TableName
  /** Of the table's id in the source: a table made again has another. */
  readonly id: string
  readonly format: DirectoryFormatName
  readonly generation: number
  /** The columns that the files have, and what those are. */
  readonly columns: number
  readonly shape: string
  /** `of` names the lake's files that the rows came from. */
  readonly base: (Written & { readonly of: string }) | null
  readonly renewed: (Written & { readonly of: string }) | null
  readonly changes: readonly WrittenChanges[]
  readonly changesOf: string
}

const VERSION = 1

export const shortHash = (parts: readonly string[]): string =>
  createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 16)

/** The first `count` file columns by name and type. */
export const shapeOf = (schema: TableSchema, count: number): string =>
  shortHash(schema.columns.slice(0, count).map(({ physical, type }) => `${physical} ${typeName(type)}`))

/** Equal for equal files, in whatever order. */
export const filesHash = (files: readonly RegisteredFile[], more: readonly string[] = []): string =>
  shortHash([...files.map(({ key }) => key).toSorted(), ...more])

/**
 * Compact, without anything that a reader of properties might take for a secret: names are hexadecimal (Spark hides the value of a
 * property when a word such as `token` or `url` is in it).
 */
export function encodeState(state: TableState): string {
  const written = (each: (Written & { readonly of: string }) | null) =>
    each === null ? null : [each.name, each.files, each.rows, each.of]
  return JSON.stringify({
    v: VERSION,
    t: Buffer.from(state.table).toString('hex'),
    i: state.id,
    f: state.format,
    g: state.generation,
    c: state.columns,
    s: state.shape,
    b: written(state.base),
    r: written(state.renewed),
    h: state.changes.map(({ name, files, rows, through, weight }) => [name, files, rows, through, weight]),
    o: state.changesOf,
  })
}

type Json = Readonly<Record<string, unknown>>

/** Null for a text of another version, or one that someone changed: the table is projected anew then. */
export function parseState(text: string): TableState | null {
  try {
    const { v, t, i, f, g, c, s, b, r, h, o } = JSON.parse(text) as Json
    const format = DIRECTORY_FORMATS.find((each) => each === f)
    if (v !== VERSION || format === undefined || !Array.isArray(h)) return null
    return {
      table: Buffer.from(string(t), 'hex').toString() as TableName,
      id: string(i),
      format,
      generation: number(g),
      columns: number(c),
      shape: string(s),
      base: parseWritten(b),
      renewed: parseWritten(r),
      changes: h.map((each: unknown) => {
        const [name, files, rows, through, weight] = each as readonly unknown[]
        return { ...written(name, files, rows), through: string(through) as Position, weight: number(weight) }
      }),
      changesOf: string(o),
    }
  } catch {
    return null
  }
}

function parseWritten(value: unknown): (Written & { readonly of: string }) | null {
  if (value === null) return null
  const [name, files, rows, of] = value as readonly unknown[]
  return { ...written(name, files, rows), of: string(of) }
}

const written = (name: unknown, files: unknown, rows: unknown): Written => ({
  name: string(name),
  files: number(files),
  rows: number(rows),
})

function string(value: unknown): string {
  if (typeof value !== 'string') throw new TypeError('expected a text')
  return value
}

function number(value: unknown): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value)) throw new TypeError('expected a number')
  return value
}

/** Names of all directories that the state shows. */
export const directoriesOf = (state: TableState): readonly string[] =>
  [...[state.base, state.renewed].flatMap((each) => (each === null ? [] : [each])), ...state.changes].map(({ name }) => name)

export const changesHash = ({ changes, until }: TableRegistration): string =>
  filesHash(changes, until === undefined ? [] : [until])

/** Whether what is recorded is the table as it is now, in whatever format. A text that cannot be read says nothing against it. */
export function isCurrent(table: TableRegistration, recorded: string | undefined): boolean {
  if (recorded === undefined) return false
  const state = parseState(recorded)
  if (state === null) return true
  const { columns, id } = storedSchema(table.schema)
  const holds = (part: TableState['base'], files: readonly RegisteredFile[]): boolean => {
    const filled = files.filter(({ rows }) => rows > 0)
    return part === null ? filled.length === 0 : part.of === filesHash(filled)
  }
  return (
    state.table === table.table &&
    state.id === shortHash([id]) &&
    state.columns === columns.length &&
    state.shape === shapeOf({ ...table.schema, columns }, columns.length) &&
    holds(state.base, table.base) &&
    holds(state.renewed, table.renewed?.files ?? []) &&
    state.changesOf === changesHash(table)
  )
}
