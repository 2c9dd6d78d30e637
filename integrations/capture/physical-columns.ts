/**
 * From what a source says of a table to its next schema version. Pure. Each source column keeps one immutable, unique,
 * lower-case name in files, so rename, swap, drop-then-add and names that differ only by case rewrite nothing.
 */
import {
  type Column,
  METADATA_COLUMNS,
  type Position,
  type SourceColumn,
  type SourceTable,
  type TableSchema,
} from '../../connectors/change.ts'
import { ConnectorError } from '../../connectors/errors.ts'
import { typeName } from '../../connectors/logical-type.ts'
import { canWiden } from '../types/widening.ts'

/** What changed between two versions, in the words of `schema_changes` in the YAML. */
export type SchemaDifference =
  | { readonly kind: 'table_added' }
  | { readonly kind: 'table_recreated' }
  | { readonly kind: 'add_column'; readonly column: string }
  | { readonly kind: 'drop_column'; readonly column: string }
  | { readonly kind: 'rename_column'; readonly column: string; readonly to: string }
  | { readonly kind: 'widen_column'; readonly column: string; readonly from: string; readonly to: string }
  | { readonly kind: 'retype_column'; readonly column: string; readonly from: string; readonly to: string }
  | { readonly kind: 'change_key' }
  | { readonly kind: 'change_identity' }
  | { readonly kind: 'describe'; readonly column: string | null }

export type Evolution = {
  /** The previous version itself when nothing changed. */
  readonly schema: TableSchema
  readonly differences: readonly SchemaDifference[]
  /** Rows already landed no longer say what the source holds: the table needs a new snapshot. */
  readonly resync: boolean
}

/**
 * The schema version that holds from `position` on. `before` of an added column's initial value is that position: rows
 * below it were written without the column. Throws `SCHEMA` for names that cannot be carried.
 */
export function evolve(previous: TableSchema | null, source: SourceTable, position: Position): Evolution {
  refuseReserved(source)
  if (previous === null) return { schema: first(source, position), differences: [{ kind: 'table_added' }], resync: true }
  const recreated = previous.id !== source.id
  const names = new PhysicalNames(previous.columns)
  const differences: SchemaDifference[] = recreated ? [{ kind: 'table_recreated' }] : []
  const columns: Column[] = []
  const byId = new Map(source.columns.map((column) => [column.id, column]))
  const replaced: SourceColumn[] = []
  // Left out until now, or carried as something else: what was landed meanwhile is not in an earlier column of that id.
  const withheld = new Set(recreated ? [] : (previous.withheld ?? []).map(({ id }) => id))
  const replacing = new Set([...withheld, ...previous.columns.filter(({ dropped }) => !dropped).map(({ id }) => id)])
  for (const column of previous.columns) {
    const now = recreated || column.formerTable !== undefined ? undefined : byId.get(column.id)
    if (column.dropped && now !== undefined && !replacing.has(column.id) && sameValues(column, now)) {
      // Ids never repeat: a column that is back was missed by an older view of the table, not added again.
      byId.delete(column.id)
      differences.push({ kind: 'add_column', column: now.name })
      columns.push(physicalColumn(now, column.physical, datedBy(column.initial, position)))
      continue
    }
    if (column.dropped) {
      columns.push(column)
      continue
    }
    if (now === undefined) {
      if (!recreated) differences.push({ kind: 'drop_column', column: column.name })
      columns.push({ ...column, dropped: true, ...(recreated ? { formerTable: previous.id } : {}) })
      continue
    }
    byId.delete(column.id)
    const change = typeChange(column, now)
    if (change !== null) differences.push(change)
    if (change?.kind === 'retype_column') {
      columns.push({ ...column, dropped: true })
      replaced.push(now)
      continue
    }
    if (column.name !== now.name) differences.push({ kind: 'rename_column', column: column.name, to: now.name })
    else if (change === null && describes(column) !== describes(now)) differences.push({ kind: 'describe', column: now.name })
    columns.push(physicalColumn(now, column.physical, datedBy(column.initial, position)))
  }
  for (const column of [...replaced, ...byId.values()].sort((a, b) => a.id - b.id)) {
    const isNew = byId.has(column.id)
    if (isNew && !recreated) differences.push({ kind: 'add_column', column: column.name })
    const text = isNew && !recreated ? (column.initial?.text ?? null) : null
    columns.push(physicalColumn(column, names.allocate(column.name), text === null ? undefined : { before: position, text }))
  }
  const key = keyOf(source, columns)
  const keyChanged = !recreated && key.join('\u0000') !== previous.key.join('\u0000')
  if (keyChanged) differences.push({ kind: 'change_key' })
  if (!recreated && source.identity !== previous.identity) differences.push({ kind: 'change_identity' })
  const described = source.comment === previous.comment && sameWithheld(source, previous)
  if (differences.length === 0 && !described) differences.push({ kind: 'describe', column: null })
  const dated = previous.columns.some(({ initial }, index) => initial !== undefined && initial !== columns[index]?.initial)
  if (differences.length === 0 && !dated) return { schema: previous, differences, resync: false }
  const schema = tableSchema(source, { version: previous.version + 1, since: position }, columns, key)
  // Nobody can put aside what a constant says of rows that lie in files: a new copy does.
  const unfit = [...byId.values()].some(({ initial }) => initial?.unfit === true)
  const readmitted = columns.some(({ id, dropped }) => !dropped && withheld.has(id))
  return { schema, differences, resync: recreated || keyChanged || replaced.length > 0 || readmitted || unfit }
}

/**
 * Whether rows of this shape can be written under the schema version: every column has its place, of exactly its type.
 * A column that the version knows as dropped still has one; those of an earlier table are other columns of the same ids.
 */
export function covers(schema: TableSchema, source: SourceTable): boolean {
  if (schema.id !== source.id) return false
  return source.columns.every((column) =>
    schema.columns.some(
      (candidate) => candidate.formerTable === undefined && candidate.id === column.id && sameValues(candidate, column),
    ),
  )
}

/** Whether rows of this shape are what the schema version shows: the same columns by name and type, and the same key. */
export function sameShape(schema: TableSchema, source: SourceTable): boolean {
  const live = schema.columns.filter((column) => !column.dropped)
  const key = schema.key.map((physical) => live.find((column) => column.physical === physical)?.id)
  const said = (columns: readonly (SourceColumn | Column)[]): string =>
    columns
      .map(({ id, name, type }) => JSON.stringify([id, name, typeName(type)]))
      .toSorted()
      .join()
  return schema.id === source.id && said(live) === said(source.columns) && key.join() === source.key.join()
}

/**
 * The stream shows columns at a position below the one from which a catalogue read ahead of it had dated them: rows from
 * there on carry their own values. Null when nothing is to be dated back.
 */
export function dateBack(schema: TableSchema, source: SourceTable, position: Position): TableSchema | null {
  const shown = new Set(source.columns.map((column) => column.id))
  const late = (column: Column): boolean =>
    column.initial !== undefined && shown.has(column.id) && position < column.initial.before
  if (schema.id !== source.id || !schema.columns.some(late)) return null
  const columns = schema.columns.map((column) =>
    column.initial !== undefined && late(column) ? { ...column, initial: { ...column.initial, before: position } } : column,
  )
  return { ...schema, version: schema.version + 1, columns }
}

/** The inverse view: what the source must assume of a table that the log knows at this version. */
export function sourceTableOf(schema: TableSchema, tokens: Pick<SourceTable, 'storage' | 'definition'>): SourceTable {
  const live = schema.columns.filter((column) => !column.dropped).toSorted((a, b) => a.id - b.id)
  return {
    table: schema.table,
    id: schema.id,
    ...tokens,
    columns: live.map(({ id, name, type, sourceType, nullable, comment, initial, policy }) => ({
      id,
      name,
      type,
      sourceType,
      nullable,
      ...(comment === undefined ? {} : { comment }),
      ...(initial === undefined ? {} : { initial: { text: initial.text } }),
      ...(policy === undefined ? {} : { policy }),
    })),
    key: schema.key.map((physical) => columnOf(live, physical, schema).id),
    identity: schema.identity,
    ...(schema.comment === undefined ? {} : { comment: schema.comment }),
    ...(schema.withheld === undefined ? {} : { withheld: schema.withheld }),
  }
}

const sameWithheld = (source: SourceTable, previous: TableSchema): boolean =>
  JSON.stringify(source.withheld ?? []) === JSON.stringify(previous.withheld ?? [])

/** Rows at the position carry their own values, whatever a catalogue read ahead of the stream had assumed. */
function datedBy(initial: Column['initial'], position: Position): Column['initial'] {
  return initial !== undefined && position < initial.before ? { ...initial, before: position } : initial
}

function columnOf(columns: readonly Column[], physical: string, schema: TableSchema): Column {
  const found = columns.find((column) => column.physical === physical)
  if (found === undefined)
    throw new ConnectorError(
      'CORRUPT',
      `Schema version ${schema.version} of "${schema.table}" has the key column "${physical}" but no such live column`,
    )
  return found
}

function first(source: SourceTable, position: Position): TableSchema {
  const names = new PhysicalNames([])
  const columns = source.columns
    .toSorted((a, b) => a.id - b.id)
    .map((column) => physicalColumn(column, names.allocate(column.name), undefined))
  return tableSchema(source, { version: 1, since: position }, columns, keyOf(source, columns))
}

function tableSchema(
  source: SourceTable,
  at: Pick<TableSchema, 'version' | 'since'>,
  columns: readonly Column[],
  key: readonly string[],
): TableSchema {
  const { table, id, identity, comment, withheld } = source
  return {
    table,
    id,
    ...at,
    columns,
    key,
    identity,
    ...(comment === undefined ? {} : { comment }),
    ...(withheld === undefined || withheld.length === 0 ? {} : { withheld }),
  }
}

function physicalColumn(column: SourceColumn, physical: string, initial: Column['initial']): Column {
  const { id, name, type, sourceType, nullable, comment, policy } = column
  return {
    id,
    name,
    physical,
    type,
    sourceType,
    nullable,
    ...(comment === undefined ? {} : { comment }),
    ...(initial === undefined ? {} : { initial }),
    ...(policy === undefined ? {} : { policy }),
  }
}

function keyOf(source: SourceTable, columns: readonly Column[]): readonly string[] {
  return source.key.map((id) => {
    const column = columns.find((candidate) => candidate.id === id && !candidate.dropped)
    if (column === undefined)
      throw new ConnectorError('INTERNAL', `Key of "${source.table}" names column id ${id}, which the table does not have`)
    return column.physical
  })
}

function typeChange(column: Column, now: SourceColumn): SchemaDifference | null {
  const [from, to] = [typeName(column.type), typeName(now.type)]
  const [fromMask, toMask] = [column.policy?.mask, now.policy?.mask]
  if (fromMask !== toMask) {
    const shown = (type: string, mask: string | undefined): string => (mask === undefined ? type : `${type} masked by ${mask}`)
    return { kind: 'retype_column', column: now.name, from: shown(from, fromMask), to: shown(to, toMask) }
  }
  if (from === to) return null
  const kind = canWiden(column.type, now.type) ? 'widen_column' : 'retype_column'
  return { kind, column: now.name, from, to }
}

/** Whether files of the one hold values of the other. */
const sameValues = (column: Column, now: SourceColumn): boolean =>
  typeName(now.type) === typeName(column.type) && now.policy?.mask === column.policy?.mask

const describes = (column: SourceColumn | Column): string =>
  JSON.stringify([column.sourceType, column.nullable, column.comment ?? null, column.policy ?? null])

function refuseReserved(source: SourceTable): void {
  const reserved = source.columns.find((column) => (METADATA_COLUMNS as readonly string[]).includes(column.name))
  if (reserved === undefined) return
  throw new ConnectorError(
    'SCHEMA',
    `Column "${reserved.name}" of "${source.table}" has a name that Portage keeps for its own metadata. Rename it in the source, or leave the table out with "!${source.table}" under tables`,
  )
}

/** Hands out names that no column of the table ever had. */
class PhysicalNames {
  readonly #taken: Set<string>

  constructor(columns: readonly Column[]) {
    this.#taken = new Set([...METADATA_COLUMNS, ...columns.map((column) => column.physical)])
  }

  allocate(name: string): string {
    const wanted = name.toLowerCase()
    let candidate = wanted
    for (let n = 2; this.#taken.has(candidate); n++) candidate = `${wanted}_${n}`
    this.#taken.add(candidate)
    return candidate
  }
}
