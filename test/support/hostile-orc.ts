/** Damaged and hostile ORC files: mutations of sound ones, and what reading them may and may not do. */
import { Decimal, Field, Float64, Int32, Int64, List, Map_, Schema, Struct, TimestampMicrosecond, Utf8 } from 'apache-arrow'
import { inspectOrc } from '../../integrations/land/orc/inspect.ts'
import * as orc from '../../integrations/land/orc/messages.ts'
import { openOrc } from '../../integrations/land/orc/orc-file.ts'
import { decodeMessage, encodeMessage, type MessageTable } from '../../integrations/land/orc/protobuf.ts'
import { AWKWARD, damaged, MAX_ROWS, measured, pick, type Random, type Reading } from './damage.ts'
import { orcOfParts, rangesOf, tableTypes, writeOrc } from './orc-files.ts'
import { type Plain, plainBatch } from './plain-values.ts'

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

/** One damaged file. */
export function mutate(files: readonly Uint8Array[], random: Random): Uint8Array {
  const source = pick(files, random)
  return damaged(source, files, random) ?? mutateTail(new Uint8Array(source), random)
}

/** Rewrites footer or post-script with awkward numbers, so that damage gets past the framing. Uncompressed files only. */
function mutateTail(bytes: Uint8Array, random: Random): Uint8Array {
  const length = bytes[bytes.length - 1] as number
  const postScriptStart = bytes.length - 1 - length
  const postScript = decodeMessage(orc.PostScript, bytes.subarray(postScriptStart, bytes.length - 1))
  if (postScript.compression !== 0) {
    for (let i = 0; i < 4; i++) bytes[Math.floor(random() * bytes.length)] = Math.floor(random() * 256)
    return bytes
  }
  const footerStart = postScriptStart - (postScript.footerLength ?? 0)
  const footer = decodeMessage(orc.Footer, bytes.subarray(footerStart, postScriptStart))
  for (let i = 0; i < 3; i++) disturb(random() < 0.8 ? footer : postScript, random)
  const encoded = encodeTolerantly(orc.Footer, footer)
  if (random() < 0.8) postScript.footerLength = encoded.length
  const last = encodeTolerantly(orc.PostScript, postScript)
  return Buffer.concat([bytes.subarray(0, footerStart), encoded, last, Uint8Array.of(last.length)])
}

function encodeTolerantly(table: MessageTable, message: object): Uint8Array {
  return encodeMessage(table, message as never)
}

/** Sets one number anywhere below to an awkward one, or drops, doubles or moves an element of a list. */
function disturb(message: object, random: Random): void {
  const entries = Object.entries(message).filter(([, value]) => value !== undefined)
  const [name, value] = pick(entries.length > 0 ? entries : [['', null]], random)
  const target = message as Record<string, unknown>
  if (typeof value === 'number') target[name] = pick(AWKWARD, random)
  else if (Array.isArray(value) && value.length > 0) {
    const index = Math.floor(random() * value.length)
    const element = value[index] as unknown
    const way = random()
    if (typeof element === 'number') value[index] = pick([...AWKWARD, index, index + 1], random)
    else if (way < 0.3) value.push(element)
    else if (way < 0.5) value.splice(index, 1)
    else if (typeof element === 'object' && element !== null && !(element instanceof Uint8Array)) disturb(element, random)
  }
}

/** Reads a file in every way. Throws what is no `ConnectorError`: that is a finding. */
export const readHostile = (bytes: Uint8Array): Promise<Reading> =>
  measured(async (holds) => {
    const { read } = rangesOf(bytes)
    const file = await openOrc(read, bytes.length)
    await inspectOrc(read, bytes.length)
    const where =
      file.schema.fields[0] === undefined ? undefined : { column: file.schema.fields[0].name, is: 'not null' as const }
    for (const options of [{}, ...(where === undefined ? [] : [{ where }])]) {
      let rows = 0
      for await (const batch of file.read(options)) {
        rows += batch.numRows
        holds()
        if (rows >= MAX_ROWS) break
      }
    }
  })
