/**
 * The two relations of a source table as `select` statements. Pure: the dialect is data, how files are read is text.
 *
 * `<relation>_changes` is history: the rows of the base as `_op = 'r'`, then every live change row, also those at or below
 * the base's boundary; metadata columns first, then the table's columns.
 * `<relation>` is the table as of the commit: changes at or below the boundary are ignored, a truncate voids every row
 * below its position (base included), the newest `_position` of a key wins and disappears when it is a delete. A table without a
 * key is a signed bag: each delete takes one equal row away. A renewed base stands for base and changes up to its boundary.
 */
import { type Column, type Position, type TableSchema, TRANSFERRED_TABLE } from '../../connectors/change.ts'
import type { Dialect, RelationSql, TableRegistration, TableScans } from '../../connectors/ports.ts'
import { quoteName, quoteOwnText } from './quote.ts'
import { helperName, relationColumns } from './relation-columns.ts'

/** What the two `select`s need of a registration. */
export type RelationShape = Pick<TableRegistration, 'schema' | 'boundary' | 'baseThrough' | 'until'> & {
  readonly renewed?: { readonly boundary: Position }
}

export function relationSql(table: RelationShape, dialect: Dialect, given: TableScans): RelationSql {
  const names = naming(table.schema, dialect)
  const { renewed } = given
  const scans: TableScans = {
    base: unbroken(given.base),
    changes: unbroken(given.changes),
    ...(renewed === undefined ? {} : { renewed: { base: unbroken(renewed.base), changes: unbroken(renewed.changes) } }),
  }
  return {
    current: broken(newestBaseSql(table, names, scans)),
    changes: broken(historySql(table, names, scans)),
    columns: relationColumns(table.schema).map(({ name }) => name),
    types: new Map(relationColumns(table.schema).map(({ column, name }) => [name, column.type])),
    comments: comments(table.schema),
  }
}

function newestBaseSql({ renewed, ...table }: RelationShape, names: Naming, scans: TableScans): string {
  if (renewed === undefined || scans.renewed === undefined) return currentSql(table, names, scans)
  const { boundary } = renewed
  return currentSql({ ...table, boundary, baseThrough: boundary }, names, scans.renewed)
}

function currentSql(table: RelationShape, names: Naming, scans: TableScans): string {
  if (table.schema.id === TRANSFERRED_TABLE) return addedSql(table, names, scans)
  if (table.schema.key.length === 0) return bagSql(table, names, scans)
  return table.baseThrough === table.boundary ? overlaySql(table, names, scans) : newestSql(table, names, scans)
}

function comments(schema: TableSchema): ReadonlyMap<string, string> {
  return new Map(relationColumns(schema).flatMap(({ column, name }) => (column.comment ? [[name, column.comment]] : [])))
}

type Naming = ReturnType<typeof naming>

/** Stands for a line end that belongs to a name or a literal, where indentation must not reach; no text of a source can hold it. */
const LINE_END = '\ud800'
const unbroken = (sql: string): string => sql.replaceAll('\n', LINE_END)
const broken = (sql: string): string => sql.replaceAll(LINE_END, '\n')

function naming(schema: TableSchema, given: Dialect) {
  const dialect: Dialect = {
    ...given,
    literal: (text, type) => unbroken(given.literal(text, type)),
    column: (physical, type) => unbroken(given.column(physical, type)),
  }
  const quote = (name: string) => unbroken(quoteName(dialect, name))
  const [op, position, committed, unchanged] = ['_op', '_position', '_source_committed_at', '_unchanged'].map(quote) as [
    string,
    string,
    string,
    string,
  ]
  const columns = relationColumns(schema)
  const physical = columns.map(({ column }) => quote(column.physical))
  return {
    dialect,
    op,
    position,
    physical,
    /** Every physical row column that the rules and the relation need. */
    row: [op, position, ...physical],
    key: schema.key.map(quote),
    logical: columns.map(({ name }) => quote(name)),
    metadata: [
      op,
      position,
      `${dialect.column('_source_committed_at', { kind: 'timestamp', utc: true })} as ${committed}`,
      unchanged,
    ],
    metadataPhysical: [op, position, committed, unchanged],
    values: columns.map(({ column, name }) => `${value(column, schema, dialect, { op, position })} as ${quote(name)}`),
    rank: quote(helperName(schema, '_rank')),
    deletes: quote(helperName(schema, '_deletes')),
    hit: quote(helperName(schema, '_hit')),
    floor: quote(helperName(schema, '_floor')),
    keyName: (index: number) => quote(helperName(schema, `_key_${index}`)),
  }
}

/** A column as the relation shows it; rows older than the column show the default that it was added with. */
function value(column: Column, schema: TableSchema, dialect: Dialect, names: { op: string; position: string }): string {
  const read = dialect.column(column.physical, column.type)
  if (!column.initial) return read
  // A keyed delete carries its key and nothing else; a bag's delete must equal the row that it takes away.
  const absent = schema.key.length > 0 && schema.identity !== 'full' ? "('d', 't')" : "('t')"
  const older = `${names.position} < ${quoteOwnText(column.initial.before)} and ${names.op} not in ${absent}`
  return `case when ${older} then ${dialect.literal(column.initial.text, column.type)} else ${read} end`
}

/** The condition that keeps rows of a shape that was not accepted out; empty when all rows are shown. */
const accepted = ({ until }: RelationShape, names: Naming): readonly string[] =>
  until === undefined ? [] : [`${names.position} < ${quoteOwnText(until)}`]

function historySql(table: RelationShape, names: Naming, scans: TableScans): string {
  const row = [...names.metadataPhysical, ...names.physical]
  const where = accepted(table, names).map((condition) => `\nwhere ${condition}`)
  return lines(
    `select\n  ${rows([...names.metadata, ...names.values])}`,
    'from (',
    indent(`select ${list(row)}\nfrom ${scans.base} s\nunion all\nselect ${list(row)}\nfrom ${scans.changes} s${where.join('')}`),
    ') h',
  )
}

/** Change rows that count: above the boundary. Truncates are kept apart, in `floorSql`. */
function changeRows(table: RelationShape, names: Naming, scans: TableScans, select: readonly string[]): string {
  return lines(`select ${list(select)}`, `from ${scans.changes} s`, `where ${counting(table, names, `${names.op} <> 't'`)}`)
}

const counting = (table: RelationShape, names: Naming, condition: string): string =>
  [`${names.position} > ${quoteOwnText(table.boundary)}`, ...accepted(table, names), condition].join(' and ')

/** One row: the position of the newest truncate above the boundary, or null. */
function floorSql(table: RelationShape, names: Naming, scans: TableScans): string {
  return lines(
    `select max(${names.position}) as ${names.floor}`,
    `from ${scans.changes} s`,
    `where ${counting(table, names, `${names.op} = 't'`)}`,
  )
}

const aboveFloor = (names: Naming, alias: string) => `(f.${names.floor} is null or ${alias}.${names.position} > f.${names.floor})`

/**
 * A keyed table whose base is one snapshot: its rows are unique by key and older than every change above the boundary, so
 * base rows without a later change are shown as they are and only changes are ranked. Filters reach the base files.
 */
function overlaySql(table: RelationShape, names: Naming, scans: TableScans): string {
  const on = names.key.map((key, index) => nullSafe(names.dialect, `b.${key}`, `k.${names.keyName(index)}`)).join(' and ')
  const keys = [...names.key.map((key, index) => `${key} as ${names.keyName(index)}`), `1 as ${names.hit}`]
  const ranked = lines(
    `select ${list(qualified('c', names.row))}, row_number() over (partition by ${list(qualified('c', names.key))} order by c.${names.position} desc) as ${names.rank}`,
    'from (',
    indent(changeRows(table, names, scans, names.row)),
    ') c',
    'cross join (',
    indent(floorSql(table, names, scans)),
    ') f',
    `where ${aboveFloor(names, 'c')}`,
  )
  return lines(
    `select\n  ${rows(names.values)}`,
    'from (',
    indent(
      lines(
        `select ${list(qualified('b', names.row))}`,
        `from ${scans.base} b`,
        'left join (',
        indent(changeRows(table, names, scans, keys).replace('select ', 'select distinct ')),
        `) k on ${on}`,
        'cross join (',
        indent(floorSql(table, names, scans)),
        ') f',
        `where k.${names.hit} is null and f.${names.floor} is null`,
        'union all',
        `select ${list(names.row)}`,
        'from (',
        indent(ranked),
        ') l',
        `where ${names.rank} = 1 and ${names.op} <> 'd'`,
      ),
    ),
    ') r',
  )
}

/** A keyed table whose base was read at several positions: a key may stand in it twice, and a change may be older than it. */
function newestSql(table: RelationShape, names: Naming, scans: TableScans): string {
  return lines(
    `select\n  ${rows(names.values)}`,
    'from (',
    indent(
      lines(
        `select ${list(qualified('a', names.row))}, row_number() over (partition by ${list(qualified('a', names.key))} order by a.${names.position} desc) as ${names.rank}`,
        ...standingRows(table, names, scans, names.row),
      ),
    ),
    ') r',
    `where ${names.rank} = 1 and ${names.op} <> 'd'`,
  )
}

/** A table whose rows were only ever added: all of them, in the order of the files, without looking for what takes one back. */
function addedSql(table: RelationShape, names: Naming, scans: TableScans): string {
  return lines(
    `select\n  ${rows(names.values)}`,
    'from (',
    indent(lines(`select ${list(names.row)}`, `from ${scans.base} s`, 'union all', changeRows(table, names, scans, names.row))),
    ') a',
  )
}

/**
 * A table without a key: rows that were added minus equal rows that were deleted. Equal rows are numbered, and as many
 * of them as were deleted are left out.
 */
function bagSql(table: RelationShape, names: Naming, scans: TableScans): string {
  const standing = lines(
    `select a.${names.op}, a.${names.position}${names.values.length > 0 ? `, ${list(names.values)}` : ''}`,
    ...standingRows(table, names, scans, names.row),
  )
  const deleted = `case when ${names.op} = 'd' then 1 else 0 end`
  const shown = names.logical.length > 0 ? names.logical : [names.position]
  const equal = names.logical.length > 0 ? `partition by ${list(names.logical)}` : ''
  const sameSign = [...names.logical, deleted]
  return lines(
    `select ${list(shown)}`,
    'from (',
    indent(
      lines(
        `select ${list([names.op, names.position, ...names.logical])},`,
        `  row_number() over (partition by ${list(sameSign)} order by ${names.position}) as ${names.rank},`,
        `  sum(${deleted}) over (${equal}) as ${names.deletes}`,
        'from (',
        indent(standing),
        ') s',
      ),
    ),
    ') r',
    `where ${names.op} <> 'd' and ${names.rank} > ${names.deletes}`,
  )
}

/** The `from` part shared by both: base and change rows that no truncate voids, as `a`. */
function standingRows(table: RelationShape, names: Naming, scans: TableScans, row: readonly string[]): readonly string[] {
  return [
    'from (',
    indent(lines(`select ${list(row)}`, `from ${scans.base} s`, 'union all', changeRows(table, names, scans, row))),
    ') a',
    'cross join (',
    indent(floorSql(table, names, scans)),
    ') f',
    `where ${aboveFloor(names, 'a')}`,
  ]
}

/** Equality that holds between two nulls. */
function nullSafe(dialect: Dialect, left: string, right: string): string {
  return dialect.name === 'hive' || dialect.name === 'spark' ? `${left} <=> ${right}` : `${left} is not distinct from ${right}`
}

const lines = (...parts: readonly string[]): string => parts.join('\n')
const list = (items: readonly string[]): string => items.join(', ')
const rows = (items: readonly string[]): string => items.join(',\n  ')
const indent = (text: string): string => text.replace(/^/gm, '  ')
const qualified = (alias: string, names: readonly string[]): readonly string[] => names.map((name) => `${alias}.${name}`)
