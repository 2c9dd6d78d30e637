/** Results as they are kept: the first rows inline, the others in packed chunks with addresses of their own. */
import { createHmac, randomBytes } from 'node:crypto'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import type { ResultColumn, SessionState, StatementResult, WireValue } from './engine.ts'
import { parametersOf } from './parameters.ts'
import { badRequest, Refusal, type Reply } from './reply.ts'
import { rowDefect } from './wire-values.ts'

const pack = promisify(gzip)

export type ResultLimits = {
  /** Rows of the first part, in the answer itself. Default: 100 KiB of text. */
  readonly inlineBytes: number
  /** Text of a chunk before it is packed. Default: 1 MiB. */
  readonly chunkBytes: number
  /** How long the address of a chunk is good for. Default: six hours. */
  readonly chunkUrlSeconds: number
}

type Chunk = { readonly rows: number; readonly textBytes: number; readonly packed: Buffer }

export type StoredResult = {
  readonly queryId: string
  readonly columns: readonly ResultColumn[]
  readonly statementType: number
  /** JSON arrays of the first rows, separated by commas. */
  readonly inline: string
  readonly rows: number
  readonly chunks: readonly Chunk[]
  /** Key that a request for a chunk must carry, base64. */
  readonly key: string
  /** As the statement left it. */
  readonly session: SessionState
  readonly bytes: number
}

/**
 * Takes all rows of a result.
 *
 * @throws Error when a row is not in the form of JSON results: a defect of the SQL side.
 */
export async function storeResult(
  result: StatementResult,
  { queryId, state, limits }: { readonly queryId: string; readonly state: () => SessionState; readonly limits: ResultLimits },
): Promise<StoredResult> {
  const chunks: Chunk[] = []
  let inline: string | null = null
  let rows = 0
  let texts: string[] = []
  let size = 0
  const close = async (): Promise<void> => {
    const text = texts.join(',')
    if (inline === null) inline = text
    else if (texts.length > 0) {
      const bytes = Buffer.from(text)
      chunks.push({ rows: texts.length, textBytes: bytes.length, packed: await pack(bytes, { level: 1 }) })
    }
    texts = []
    size = 0
  }
  for await (const batch of result.rows) {
    for (const row of batch) {
      const text = rowText(result.columns, row)
      const limit = inline === null ? limits.inlineBytes : limits.chunkBytes
      if (texts.length > 0 && size + text.length > limit) await close()
      texts.push(text)
      size += text.length + 1
      rows += 1
    }
  }
  await close()
  const first: string = inline ?? ''
  const session = state()
  return {
    queryId,
    columns: result.columns,
    statementType: result.statementType,
    inline: first,
    rows,
    chunks,
    key: randomBytes(32).toString('base64'),
    session: { ...session, parameters: new Map(session.parameters) },
    bytes: chunks.reduce((sum, { packed }) => sum + packed.length, first.length),
  }
}

function rowText(columns: readonly ResultColumn[], row: readonly WireValue[]): string {
  const defect = rowDefect(columns, row)
  if (defect !== null) throw new Error(`The SQL side answered ${defect}`)
  return JSON.stringify(row)
}

/** The answer's `data`, as text: rows are not parsed again. */
export function resultBody(result: StoredResult, urlOf: (chunk: number) => string): Buffer {
  const { columns, session, chunks } = result
  const data = {
    parameters: parametersOf(session),
    rowtype: columns.map(rowType),
    rowset: [],
    total: result.rows,
    returned: result.rows,
    queryId: result.queryId,
    databaseProvider: null,
    finalDatabaseName: session.database,
    finalSchemaName: session.schema,
    finalWarehouseName: session.warehouse,
    finalRoleName: session.role,
    numberOfBinds: 0,
    arrayBindSupported: false,
    statementTypeId: result.statementType,
    version: 1,
    sendResultTime: 0,
    queryResultFormat: 'json',
    ...(chunks.length === 0
      ? {}
      : {
          qrmk: result.key,
          chunkHeaders: {
            'x-amz-server-side-encryption-customer-algorithm': 'AES256',
            'x-amz-server-side-encryption-customer-key': result.key,
          },
          chunks: chunks.map(({ rows, textBytes, packed }, index) => ({
            url: urlOf(index),
            rowCount: rows,
            uncompressedSize: textBytes,
            compressedSize: packed.length,
          })),
        }),
  }
  const body = JSON.stringify({ data, message: null, code: null, success: true })
  return Buffer.from(body.replace('"rowset":[]', () => `"rowset":[${result.inline}]`))
}

function rowType({
  name,
  type,
  nullable,
  precision,
  scale,
  length,
  byteLength,
}: ResultColumn): Readonly<Record<string, unknown>> {
  return { name, database: '', schema: '', table: '', type, nullable, precision, scale, length, byteLength, collation: null }
}

/** Addresses of chunks: signed, good for a time, and useless without the result's key. */
export class ChunkAddresses {
  readonly #secret = randomBytes(32)
  readonly #seconds: number
  readonly #now: () => Date

  constructor({ chunkUrlSeconds }: Pick<ResultLimits, 'chunkUrlSeconds'>, now: () => Date) {
    this.#seconds = chunkUrlSeconds
    this.#now = now
  }

  of(base: string, queryId: string, chunk: number): string {
    const expires = Math.floor(this.#now().getTime() / 1000) + this.#seconds
    const path = `/results/${queryId}/${chunk}`
    return `${base}${path}?Expires=${expires}&Signature=${this.#signature(path, expires)}`
  }

  /** @throws Refusal with status 403 when the address is wrong or its time is over. */
  check(path: string, query: URLSearchParams): void {
    const expires = Number(query.get('Expires'))
    if (query.get('Signature') !== this.#signature(path, expires)) throw denied('SignatureDoesNotMatch')
    if (this.#now().getTime() / 1000 >= expires) throw denied('AccessDenied')
  }

  #signature(path: string, expires: number): string {
    return createHmac('sha256', this.#secret).update(`${path}\n${expires}`).digest('base64url')
  }
}

function denied(code: string): Refusal {
  return new Refusal(code, 'Request has expired', { httpStatus: 403 })
}

/** @throws Refusal with status 400 when the request does not carry the result's key. */
export function chunkReply(result: StoredResult, index: number, header: (name: string) => string | string[] | undefined): Reply {
  const chunk = result.chunks[index]
  if (chunk === undefined) throw badRequest('the result has no such chunk')
  if (header('x-amz-server-side-encryption-customer-key') !== result.key) {
    throw badRequest('the key of the result is missing from the request for its chunk')
  }
  if (header('x-amz-server-side-encryption-customer-algorithm') !== 'AES256') {
    throw badRequest('the key of the result comes with algorithm AES256')
  }
  if (header('authorization') !== undefined) throw badRequest('a chunk is asked for without the session token')
  return {
    status: 200,
    headers: { 'content-type': 'binary/octet-stream', 'content-encoding': 'gzip' },
    body: chunk.packed,
    code: null,
  }
}
