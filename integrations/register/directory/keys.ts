/** Names of what a registration writes for an engine that reads directories. Pure. ARCHITECTURE.md shows the layout. */
import type { TableName } from '../../../connectors/change.ts'
import { dataPrefix, type LakePlace, nameSegment, tablePrefix } from '../../land/log/keys.ts'

/** Which warehouse the files are for: every one has files of its own. */
export type ProjectionPlace = LakePlace & {
  /** Connection and schema as the YAML names them. */
  readonly connection: string
  readonly schema: string
}

const FOLDER = 'hive'
/** Beside the directories of a target: when vacuum saw first that nothing shows one of them any more. */
const SUPERSEDED = '_superseded'

const targetSegment = ({ connection, schema }: ProjectionPlace): string => nameSegment(`${connection}.${schema}`)

/** Where all directories of one table for one warehouse are; ends in `/`. */
export const tableFolder = (place: ProjectionPlace, table: TableName): string =>
  `${tablePrefix(place, table)}${FOLDER}/${targetSegment(place)}/`

export const directoryKey = (place: ProjectionPlace, table: TableName, directory: string): string =>
  `${tableFolder(place, table)}${directory}`

export const directoryFileKey = (directory: string, part: number, extension: string): string =>
  `${directory}/part-${String(part).padStart(5, '0')}.${extension}`

export type DirectoryObject = {
  readonly tableSegment: string
  readonly target: string
  readonly directory: string
  /** Of the registration that wrote the directory. */
  readonly commit: number
  readonly isMark: boolean
}

const OBJECT =
  /^(?<table>[^/]+)\/hive\/(?<target>[^/]+)\/(?:(?<directory>[a-z]+-(?<commit>\d+)-[0-9a-f]+)\/part-\d{5,}\.[a-z]+|_superseded\/(?<marked>[a-z]+-(?<markedCommit>\d+)-[0-9a-f]+))$/

/** What an object below the integration's data is; null when no registration wrote it. */
export function directoryObject(lake: LakePlace, key: string): DirectoryObject | null {
  const prefix = dataPrefix(lake)
  const groups = key.startsWith(prefix) ? OBJECT.exec(key.slice(prefix.length))?.groups : undefined
  const { table, target, directory, commit, marked, markedCommit } = groups ?? {}
  const name = directory ?? marked
  if (table === undefined || target === undefined || name === undefined) return null
  const number = Number(commit ?? markedCommit)
  return { tableSegment: table, target, directory: name, commit: number, isMark: marked !== undefined }
}

/** As `directoryObject` says it of a place's objects. */
export const targetOf = (place: ProjectionPlace): string => targetSegment(place)

export const tableSegment = (table: TableName): string => nameSegment(table)

export const markKey = (lake: LakePlace, { tableSegment: table, target, directory }: DirectoryObject): string =>
  `${dataPrefix(lake)}${table}/${FOLDER}/${target}/${SUPERSEDED}/${directory}`
