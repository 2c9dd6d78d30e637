/**
 * An engine's rows on disk, with the position they stand at: what a restart begins with, before it reads on from there. Written
 * beside the old file and renamed, so that a crash leaves one of the two. Local and rebuildable.
 */
import { open, readFile, rename } from 'node:fs/promises'
import { ConnectorError } from '../connectors/errors.ts'
import { definitionHash } from './canonical.ts'
import type { FeatureView } from './definition.ts'
import { type Engine, openEngine } from './engine.ts'
import { ABSENT, emptyRow, isThere, type StoredRow } from './row-merge.ts'
import { openRowStore } from './row-store.ts'
import type { Id, Stored } from './values.ts'

const FORMAT = 'portage.feature-state/2'
const LINES_PER_WRITE = 2_000

type Header = {
  readonly format: typeof FORMAT
  readonly definition: string
  readonly position: string
  /** By source: rows at or below are void. */
  readonly truncated: Readonly<Record<string, string>>
}
/** Integers beyond 2^53 as `{n}`, a column that is not known as `{}`. */
type Encoded = string | number | boolean | null | { readonly n?: string }
type RowLine = readonly [
  source: string,
  key: Id,
  deleted: string,
  position: string,
  positions: readonly string[] | null,
  values: readonly Encoded[],
]

/** Writes the state as it is when called; durable when it settles. */
export async function saveState(engine: Engine, path: string): Promise<void> {
  // Taken at once: changes that arrive during the writing belong to the next file.
  const lines = [...stateLines(engine)]
  const temporary = `${path}.${process.pid}.tmp`
  const file = await open(temporary, 'w')
  try {
    for (let start = 0; start < lines.length; start += LINES_PER_WRITE) {
      await file.write(`${lines.slice(start, start + LINES_PER_WRITE).join('\n')}\n`)
    }
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(temporary, path)
}

function* stateLines(engine: Engine): Generator<string> {
  const { sources } = engine.store
  const truncated = Object.fromEntries([...sources].map(([name, source]) => [name, source.truncated]))
  const header: Header = { format: FORMAT, definition: engine.definition, position: engine.position(), truncated }
  yield JSON.stringify(header)
  let rows = 0
  for (const [name, source] of sources) {
    for (const row of source.rows.values()) {
      if (!isThere(row) && row.deleted === '') continue
      const line: RowLine = [name, row.key, row.deleted, row.position, row.positions, row.values.map(encoded)]
      rows++
      yield JSON.stringify(line)
    }
  }
  yield JSON.stringify({ rows })
}

/**
 * The engine of a state file; null when there is none or it belongs to another definition (both: begin anew). Throws `CORRUPT`
 * when the file is not whole.
 */
export async function loadState(view: FeatureView, path: string): Promise<Engine | null> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null
    throw error
  })
  if (text === null) return null
  const lines = text.split('\n').slice(0, -1)
  try {
    const header = JSON.parse(lines[0] ?? '') as Header
    if (header.format !== FORMAT || header.definition !== definitionHash(view)) return null
    const { rows } = JSON.parse(lines.at(-1) ?? '') as { readonly rows: number }
    if (rows !== lines.length - 2) throw new Error(`expected ${rows} rows, found ${lines.length - 2}`)
    return restored(view, header, lines.slice(1, -1))
  } catch (cause) {
    throw new ConnectorError('CORRUPT', `Feature state "${path}" cannot be read: remove the file, it will be built again`, {
      cause,
    })
  }
}

function restored(view: FeatureView, header: Header, lines: readonly string[]): Engine {
  const store = openRowStore(view)
  for (const [name, source] of store.sources) source.truncated = header.truncated[name] ?? ''
  for (const line of lines) {
    const [name, key, deleted, position, positions, values] = JSON.parse(line) as RowLine
    const source = store.sources.get(name)
    if (source === undefined) throw new Error(`there is no source "${name}"`)
    // The row may be there already, as the parent of one that came before it.
    const row: StoredRow = source.rows.get(key) ?? emptyRow(key)
    source.rows.set(key, row)
    row.deleted = deleted
    row.position = position
    row.positions = positions === null ? null : [...positions]
    row.values = values.length === 0 ? ABSENT : values.map(decoded)
    store.place(source, row)
  }
  return openEngine(view, { resumed: { store, position: header.position } })
}

function encoded(value: Stored | undefined): Encoded {
  if (value === undefined) return {}
  return typeof value === 'bigint' ? { n: String(value) } : value
}

function decoded(value: Encoded): Stored | undefined {
  if (typeof value !== 'object' || value === null) return value
  return value.n === undefined ? undefined : BigInt(value.n)
}
