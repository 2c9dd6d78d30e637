/** Names of everything that an integration keeps in the lake. Pure. ARCHITECTURE.md shows the layout. */
import { createHash } from 'node:crypto'
import type { TableName } from '../../../connectors/change.ts'

/** Where an integration's part of a lake is. `prefix` may be empty; slashes at its ends do not matter. */
export type LakePlace = { readonly prefix: string; readonly integration: string }

/** Digits of commit numbers in keys: byte order is number order for ever. */
const NUMBER_DIGITS = 20
/** Longest encoded name; leaves room below the 255 of file systems. */
const MAX_NAME_LENGTH = 200

const numbered = (number: number): string => String(number).padStart(NUMBER_DIGITS, '0')

const join = (...segments: readonly string[]): string => segments.filter((segment) => segment !== '').join('/')

const trimmed = (prefix: string): string => prefix.replace(/^\/+|\/+$/g, '')

/**
 * A name as one key segment: bytes outside `[A-Za-z0-9_.-]` become `%XX`, as do a leading `.` or `_` (hidden from Hive) and
 * the `_` of a leading `base_` or `delta_` (ACID directories of Hive). Too long a name is cut and ends in a hash. Different names never share a segment.
 */
export function nameSegment(name: string): string {
  const encoded = [...new TextEncoder().encode(name)]
    .map((byte) => {
      const character = String.fromCharCode(byte)
      return /[A-Za-z0-9_.-]/.test(character) ? character : percent(byte)
    })
    .join('')
    .replace(/^[._]/, (first) => percent(first.charCodeAt(0)))
    .replace(/^(base|delta|delete_delta)_/, '$1%5F')
  if (encoded.length <= MAX_NAME_LENGTH) return encoded
  const hash = createHash('sha256').update(name).digest('hex').slice(0, 32)
  return `${encoded.slice(0, MAX_NAME_LENGTH - hash.length).replace(/%.?$/, '')}-${hash}`
}

const percent = (byte: number): string => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`

const portage = (lake: LakePlace): string => join(trimmed(lake.prefix), '_portage', nameSegment(lake.integration))

export const logPrefix = (lake: LakePlace): string => `${portage(lake)}/log/`
export const commitKey = (lake: LakePlace, number: number): string => `${logPrefix(lake)}${numbered(number)}.json`
export const livePrefix = (lake: LakePlace): string => `${portage(lake)}/live/`
export const liveKey = (lake: LakePlace, number: number): string => `${livePrefix(lake)}${numbered(number)}.json`

/** The number in the name of a commit or live list, null for any other object. */
export function numberOf(key: string): number | null {
  const digits = /\/(\d{20})\.json$/.exec(key)?.[1]
  return digits === undefined ? null : Number(digits)
}

/** Everything of the integration but its log: data files and rejects. */
export const dataPrefix = (lake: LakePlace): string => `${join(trimmed(lake.prefix), nameSegment(lake.integration))}/`
export const tablePrefix = (lake: LakePlace, table: TableName): string => `${dataPrefix(lake)}${nameSegment(table)}/`
export const rejectsPrefix = (lake: LakePlace): string => `${dataPrefix(lake)}rejects/`

/** Who writes a file, and what makes its key unlike every other of the same writer. */
export type FileOrigin = {
  /** The commit that the writer aims at. The log alone says which commit, if any, names the file. */
  readonly commit: number
  readonly writer: string
  /** Counts the writer's files. */
  readonly part: number
  readonly extension: string
}

const part = (number: number): string => String(number).padStart(5, '0')

export function baseKey(lake: LakePlace, table: TableName, file: FileOrigin): string {
  return `${tablePrefix(lake, table)}base/${numbered(file.commit)}-${file.writer}/part-${part(file.part)}.${file.extension}`
}

/** `date`: UTC date of `_source_committed_at`, `YYYY-MM-DD`. */
export function changesKey(lake: LakePlace, table: TableName, date: string, file: FileOrigin): string {
  return `${tablePrefix(lake, table)}changes/date=${date}/${numbered(file.commit)}-${file.writer}-${part(file.part)}.${file.extension}`
}

export function rejectsKey(lake: LakePlace, file: FileOrigin): string {
  return `${rejectsPrefix(lake)}${numbered(file.commit)}-${file.writer}-${part(file.part)}.${file.extension}`
}

const DATA_KEY =
  /^[^/]+\/(?:base\/(?<baseCommit>\d{20})-(?<baseWriter>[a-z0-9]+)\/part-\d{5,}|changes\/date=[^/]+\/(?<commit>\d{20})-(?<writer>[a-z0-9]+)-\d{5,})\.[a-z]+$/

/** Who wrote a data file, from its key; null when the key is not a base or change file of ours. */
export function originOf(lake: LakePlace, key: string): { readonly commit: number; readonly writer: string } | null {
  const prefix = dataPrefix(lake)
  const groups = key.startsWith(prefix) ? DATA_KEY.exec(key.slice(prefix.length))?.groups : undefined
  const commit = groups?.baseCommit ?? groups?.commit
  const writer = groups?.baseWriter ?? groups?.writer
  return commit === undefined || writer === undefined ? null : { commit: Number(commit), writer }
}

/** The partition of a change file, `YYYY-MM-DD`, from its key; null when the key is none of ours. */
export function changesDateOf(lake: LakePlace, key: string): string | null {
  const prefix = dataPrefix(lake)
  return key.startsWith(prefix) ? (/^[^/]+\/changes\/date=([^/]+)\/[^/]+$/.exec(key.slice(prefix.length))?.[1] ?? null) : null
}

/** `run`: continues the stream under a claim. `maintenance`: rewrites files under an intent. */
export type WriterRole = 'run' | 'maintenance'

/** A fresh token. Its first letter tells the role, so that a sweep knows whose files it may judge. */
export function newWriterToken(role: WriterRole, random: () => number): string {
  const digit = (): string => Math.floor(random() * 16).toString(16)
  return `${role === 'run' ? 'r' : 'm'}${Array.from({ length: 12 }, digit).join('')}`
}

export const isRunToken = (writer: string): boolean => writer.startsWith('r')
