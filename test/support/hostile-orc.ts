/** Damaged and hostile ORC files: mutations of sound ones, and what reading them may and may not do. */
import { Decimal, Field, Float64, Int32, Int64, List, Map_, Schema, Struct, TimestampMicrosecond, Utf8 } from 'apache-arrow'
import { ConnectorError } from '../../connectors/errors.ts'
import { inspectOrc } from '../../integrations/land/orc/inspect.ts'
import * as orc from '../../integrations/land/orc/messages.ts'
import { openOrc } from '../../integrations/land/orc/orc-file.ts'
import { decodeMessage, encodeMessage, type MessageTable } from '../../integrations/land/orc/protobuf.ts'
import { orcOfParts, rangesOf, tableTypes, writeOrc } from './orc-files.ts'
import { type Plain, plainBatch } from './plain-values.ts'

export type Random = () => number

/** mulberry32: a seed gives the same files again. */
export function randomOf(seed: number): Random {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** Small sound files of every codec and layout, whose mutations reach every decoder. */
export async function soundFiles(): Promise<readonly Uint8Array[]> {
  const entries = new Struct([new Field('key', new Utf8(), false), new Field('value', new Int32(), true)])
  const schema = new Schema([
    new Field('i', new Int64(), true),
    new Field('n', new Int32(), true),
    new Field('f', new Float64(), true),
    new Field('s', new Utf8(), true),
    new Field('c', new Utf8(), true),
    new Field('d', new Decimal(2, 20, 128), true),
    new Field('t', new TimestampMicrosecond(), true),
    new Field('l', new List(new Field('item', new Utf8(), true)), true),
    new Field('m', new Map_(new Field('entries', entries, false) as never), true),
  ])
  const rows = 700
  const each = (make: (row: number) => Plain, nulls: number): Plain[] =>
    Array.from({ length: rows }, (_, row) => (row % nulls === 1 ? null : make(row)))
  const batch = plainBatch(schema, [
    each((row) => (row % 50 === 3 ? 2n ** 60n : BigInt(row % 90)), 999),
    each((row) => row * 3, 5),
    each((row) => row / 7, 9),
    each((row) => `row ${row * 7919}`, 4),
    each((row) => `c${row % 3}`, 999),
    each((row) => BigInt(row) ** 6n, 6),
    each((row) => BigInt(row) * 1_234_567n, 7),
    each((row) => Array.from({ length: row % 3 }, (_, i) => `t${i}`), 8),
    each((row) => Array.from({ length: row % 2 }, () => [`k${row}`, row]), 10),
  ])
  const files: Uint8Array[] = []
  for (const compression of ['none', 'zstd', 'snappy', 'gzip'] as const) {
    files.push((await writeOrc(schema, [batch], { compression, rowIndexStride: 100, stripeRows: 400 })).bytes)
  }
  const { DATA, LENGTH, PRESENT } = orc.StreamKind
  files.push(
    orcOfParts({
      types: tableTypes(
        ['u'],
        [{ kind: orc.TypeKind.UNION, subtypes: [2, 3] }, { kind: orc.TypeKind.INT }, { kind: orc.TypeKind.STRING }],
      ),
      rows: 5,
      streams: [
        [PRESENT, 1, [0xff, 0b1101_1000]],
        [DATA, 1, [0xfc, 0, 1, 0, 1]],
        [DATA, 2, [0xfe, 10, 12]],
        [DATA, 3, [...Buffer.from('abc')]],
        [LENGTH, 3, [0xfe, 1, 2]],
      ],
    }),
  )
  return files
}

const AWKWARD = [0, 1, 2, 127, 128, 255, 65_535, 2 ** 20, 2 ** 31 - 1, 2 ** 31, 2 ** 32, 2 ** 40, Number.MAX_SAFE_INTEGER]

/** One damaged file. */
export function mutate(files: readonly Uint8Array[], random: Random): Uint8Array {
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T
  const source = pick(files)
  const at = (length: number) => Math.floor(random() * length)
  const bytes = new Uint8Array(source)
  const kind = random()
  if (kind < 0.3) {
    for (let i = 0; i <= at(6); i++) {
      const place = at(bytes.length)
      bytes[place] = (bytes[place] as number) ^ (1 << at(8))
    }
    return bytes
  }
  if (kind < 0.45) {
    // The tail and its neighbourhood are small and decide everything.
    for (let i = 0; i <= at(3); i++)
      bytes[bytes.length - 1 - at(Math.min(600, bytes.length))] = pick([0, 1, 0x7f, 0x80, 0xff, at(256)])
    return bytes
  }
  if (kind < 0.55) return bytes.subarray(0, at(bytes.length))
  if (kind < 0.65) {
    const from = at(bytes.length)
    return Buffer.concat([bytes.subarray(0, from), bytes.subarray(from + at(200))])
  }
  if (kind < 0.72) {
    const other = pick(files)
    const from = at(other.length)
    const place = at(bytes.length)
    return Buffer.concat([bytes.subarray(0, place), other.subarray(from, from + at(300)), bytes.subarray(place)])
  }
  return mutateTail(bytes, random, pick)
}

/** Rewrites footer or post-script with awkward numbers, so that damage gets past the framing. Uncompressed files only. */
function mutateTail(bytes: Uint8Array, random: Random, pick: <T>(list: readonly T[]) => T): Uint8Array {
  const length = bytes[bytes.length - 1] as number
  const postScriptStart = bytes.length - 1 - length
  const postScript = decodeMessage(orc.PostScript, bytes.subarray(postScriptStart, bytes.length - 1))
  if (postScript.compression !== 0) {
    for (let i = 0; i < 4; i++) bytes[Math.floor(random() * bytes.length)] = Math.floor(random() * 256)
    return bytes
  }
  const footerStart = postScriptStart - (postScript.footerLength ?? 0)
  const footer = decodeMessage(orc.Footer, bytes.subarray(footerStart, postScriptStart))
  for (let i = 0; i < 3; i++) disturb(random() < 0.8 ? footer : postScript, random, pick)
  const encoded = encodeTolerantly(orc.Footer, footer)
  if (random() < 0.8) postScript.footerLength = encoded.length
  const last = encodeTolerantly(orc.PostScript, postScript)
  return Buffer.concat([bytes.subarray(0, footerStart), encoded, last, Uint8Array.of(last.length)])
}

function encodeTolerantly(table: MessageTable, message: object): Uint8Array {
  return encodeMessage(table, message as never)
}

/** Sets one number anywhere below to an awkward one, or drops, doubles or moves an element of a list. */
function disturb(message: object, random: Random, pick: <T>(list: readonly T[]) => T): void {
  const entries = Object.entries(message).filter(([, value]) => value !== undefined)
  const [name, value] = pick(entries.length > 0 ? entries : [['', null]])
  const target = message as Record<string, unknown>
  if (typeof value === 'number') target[name] = pick(AWKWARD)
  else if (Array.isArray(value) && value.length > 0) {
    const index = Math.floor(random() * value.length)
    const element = value[index] as unknown
    const way = random()
    if (typeof element === 'number') value[index] = pick([...AWKWARD, index, index + 1])
    else if (way < 0.3) value.push(element)
    else if (way < 0.5) value.splice(index, 1)
    else if (typeof element === 'object' && element !== null && !(element instanceof Uint8Array)) disturb(element, random, pick)
  }
}

/** Rows after which a reader of hostile files stops: a file may say that it has any number of them. */
const MAX_ROWS = 100_000

export type Reading = { readonly outcome: 'read' | 'refused'; readonly cpuMs: number; readonly heldBytes: number }

/** Reads a file in every way. Throws what is no `ConnectorError`: that is a finding. */
export async function readHostile(bytes: Uint8Array): Promise<Reading> {
  const before = process.cpuUsage()
  let outcome: Reading['outcome'] = 'read'
  let heldBytes = 0
  try {
    const { read } = rangesOf(bytes)
    const file = await openOrc(read, bytes.length)
    await inspectOrc(read, bytes.length)
    const where =
      file.schema.fields[0] === undefined ? undefined : { column: file.schema.fields[0].name, is: 'not null' as const }
    for (const options of [{}, ...(where === undefined ? [] : [{ where }])]) {
      let rows = 0
      for await (const batch of file.read(options)) {
        rows += batch.numRows
        heldBytes = Math.max(heldBytes, process.memoryUsage().arrayBuffers)
        if (rows >= MAX_ROWS) break
      }
    }
  } catch (error) {
    if (!(error instanceof ConnectorError) || error.code === 'INTERNAL') throw error
    outcome = 'refused'
  }
  const { user, system } = process.cpuUsage(before)
  return { outcome, cpuMs: (user + system) / 1000, heldBytes }
}
