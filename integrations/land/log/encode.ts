/**
 * Commits and live lists as bytes: JSON with keys in one fixed order, no spaces, one newline at the end. Equal data gives equal bytes, so that
 * a writer recognises its own commit after a lost answer.
 */
import { z } from 'zod'
import { ConnectorError } from '../../../connectors/errors.ts'
import { type Commit, type LogState, PROTOCOL } from './commit.ts'

export type LiveList = {
  readonly protocol: Commit['protocol']
  readonly integration: string
  readonly state: LogState
}

export const encodeCommit = (commit: Commit): Uint8Array => encode(commit)
export const encodeLiveList = (list: LiveList): Uint8Array => encode(list)

const encode = (value: unknown): Uint8Array => Buffer.from(`${fixedOrderJson(value)}\n`)

/** Text of file entries: each stands in a commit and in every live list after it. */
const entryTexts = new WeakMap<object, string>()

/** As `JSON.stringify`, with the keys of every object in code unit order. */
function fixedOrderJson(value: unknown): string {
  if (value === null || typeof value !== 'object') return JSON.stringify(value)
  if (Array.isArray(value)) return `[${value.map(fixedOrderJson).join(',')}]`
  const known = entryTexts.get(value)
  if (known !== undefined) return known
  const fields = value as Readonly<Record<string, unknown>>
  const members = Object.keys(fields)
    .sort()
    .filter((name) => fields[name] !== undefined)
    .map((name) => `${JSON.stringify(name)}:${fixedOrderJson(fields[name])}`)
  const text = `{${members.join(',')}}`
  if ('sha256' in value) entryTexts.set(value, text)
  return text
}

const count = z.int().min(0)
const position = z.string().min(1)
const protocol = z.object({ minReader: count, minWriter: count })
const summary = z.looseObject({ nulls: count, min: z.string().optional(), max: z.string().optional() })

const SHA256 = /^[0-9a-f]{64}$/

const file = z.looseObject({
  key: z.string().min(1),
  part: z.enum(['base', 'changes']),
  size: count,
  sha256: z.string().regex(SHA256),
  rows: count,
  format: z.enum(['parquet', 'orc']),
  profile: z.literal('lake'),
  schemaVersion: count,
  minPosition: position,
  maxPosition: position,
  columns: z.record(z.string(), summary),
})

const column = z.looseObject({
  id: count,
  name: z.string().min(1),
  physical: z.string().min(1),
  type: z.looseObject({ kind: z.string() }),
  sourceType: z.string(),
  nullable: z.boolean(),
  dropped: z.literal(true).optional(),
  initial: z.object({ before: position, text: z.string() }).optional(),
})

const schema = z.looseObject({
  table: z.string().min(1),
  id: z.string(),
  version: count,
  since: position,
  columns: z.array(column),
  key: z.array(z.string()),
  identity: z.enum(['default', 'index', 'full', 'nothing']),
})

const chunk = z.looseObject({ id: z.string(), from: z.string().nullable(), to: z.string().nullable(), by: z.string() })
const start = z.looseObject({ storage: z.string(), plan: z.array(chunk) })
const done = z.record(z.string(), position)

const tableCommit = z.looseObject({
  schema: schema.optional(),
  snapshot: z.looseObject({ generation: count, start: start.optional(), done, complete: z.boolean() }).optional(),
  storage: z.string().optional(),
  added: z.array(file).optional(),
  removed: z.array(z.string()).optional(),
  renewed: z.looseObject({ boundary: position }).optional(),
  history: z.looseObject({ from: position }).optional(),
  dropped: z.literal(true).optional(),
  held: position.optional(),
  accepted: count.optional(),
  gone: position.optional(),
})

const source = z.looseObject({ system: z.string(), timeline: count, database: z.string(), version: z.string(), epoch: count })
const counts = z.looseObject({ transactions: count, changes: count, rejects: count })

const commit = z.looseObject({
  protocol,
  number: count,
  kind: z.enum(['claim', 'intent', 'snapshot', 'changes', 'heartbeat', 'schema', 'maintenance']),
  integration: z.string(),
  writer: z.string().min(1),
  createdAt: z.string(),
  previous: position.nullable(),
  position: position.nullable(),
  source: source.nullable(),
  through: z.string().nullable(),
  tables: z.record(z.string(), tableCommit),
  counts,
  vacuumed: z.looseObject({ below: count }).optional(),
  by: z.string(),
})

/** Live lists hold thousands of entries, and every start reads one: the same checks as `file`, without a tree of checkers. */
const files = z.custom<z.infer<typeof file>[]>(
  (value) => Array.isArray(value) && value.every(isFileEntry),
  'holds an entry that is not a data file',
)

function isFileEntry(value: unknown): boolean {
  if (value === null || typeof value !== 'object') return false
  const { key, part, size, sha256, rows, format, profile, schemaVersion, minPosition, maxPosition, columns } = value as Readonly<
    Record<string, unknown>
  >
  return (
    isText(key) &&
    (part === 'base' || part === 'changes') &&
    isCount(size) &&
    typeof sha256 === 'string' &&
    SHA256.test(sha256) &&
    isCount(rows) &&
    (format === 'parquet' || format === 'orc') &&
    profile === 'lake' &&
    isCount(schemaVersion) &&
    isText(minPosition) &&
    isText(maxPosition) &&
    columns !== null &&
    typeof columns === 'object' &&
    Object.values(columns).every(isSummary)
  )
}

function isSummary(value: unknown): boolean {
  if (value === null || typeof value !== 'object') return false
  const { nulls, min, max } = value as Readonly<Record<string, unknown>>
  const bound = (text: unknown): boolean => text === undefined || typeof text === 'string'
  return isCount(nulls) && bound(min) && bound(max)
}

const isText = (value: unknown): boolean => typeof value === 'string' && value !== ''
const isCount = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= 0

const renewed = z.looseObject({ boundary: position, files })
const base = z.looseObject({ generation: count, boundary: position, files, renewed: renewed.optional() })
const pending = z.looseObject({ generation: count, storage: z.string(), plan: z.array(chunk), done, files })

const shown = z.looseObject({ version: count, until: position, base: base.nullable(), changes: files })

const tableState = z
  .looseObject({
    schema,
    versions: z.record(z.string(), schema),
    storage: z.string().nullable(),
    base: base.nullable(),
    pending: pending.nullable(),
    changes: files,
    accepted: count.optional(),
    shown: shown.nullable().optional(),
    gone: position.nullable().optional(),
  })
  // Lists from before changes could be held back: everything was shown.
  .transform((table) => ({
    ...table,
    accepted: table.accepted ?? table.schema.version,
    shown: table.shown ?? null,
    gone: table.gone ?? null,
  }))

const liveList = z.looseObject({
  protocol,
  integration: z.string(),
  state: z.looseObject({
    number: count,
    position: position.nullable(),
    source: source.nullable(),
    through: z.string().nullable(),
    tables: z.record(z.string(), tableState),
    counts,
    claim: z.string().nullable(),
    vacuumed: count.optional(),
  }),
})

/** Throws `PROTOCOL` when a newer Portage is needed to read it, `CORRUPT` when it is not what the key says. */
export function decodeCommit(key: string, bytes: Uint8Array): Commit {
  // The schema checks the shape; the brands of positions and table names exist only in types.
  return decode(key, bytes, commit, 'Commit') as unknown as Commit
}

/** As `decodeCommit`, for a live list. */
export function decodeLiveList(key: string, bytes: Uint8Array): LiveList {
  return decode(key, bytes, liveList, 'Live list') as unknown as LiveList
}

const CURE = 'Restore the object from a backup or an earlier version of the bucket'

function decode<T>(key: string, bytes: Uint8Array, shape: z.ZodType<T>, what: string): T {
  let value: unknown
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch (cause) {
    throw new ConnectorError('CORRUPT', `${what} "${key}" is not JSON (${bytes.length} bytes). ${CURE}`, { cause })
  }
  const needed = z.looseObject({ protocol }).safeParse(value)
  if (needed.success && needed.data.protocol.minReader > PROTOCOL.minReader) {
    throw new ConnectorError(
      'PROTOCOL',
      `${what} "${key}" needs reader protocol ${needed.data.protocol.minReader}, this Portage reads up to ${PROTOCOL.minReader}. Install a newer Portage`,
    )
  }
  const parsed = shape.safeParse(value)
  if (!parsed.success) {
    const [issue] = parsed.error.issues
    const where = issue === undefined || issue.path.length === 0 ? '' : ` at ${issue.path.join('.')}`
    throw new ConnectorError('CORRUPT', `${what} "${key}" cannot be read${where}: ${issue?.message ?? 'wrong shape'}. ${CURE}`, {
      cause: parsed.error,
    })
  }
  return parsed.data
}
