/**
 * What flows: positions, table schemas, row batches and change sets. Plain data and Arrow; nothing here does I/O.
 */
import { type DataType, Dictionary, Field, Int32, type RecordBatch, Schema, TimestampMicrosecond, Utf8 } from 'apache-arrow'
import { arrowType, type LogicalType, typeName } from './logical-type.ts'

/**
 * A place in a source's log, encoded so that string order is log order.
 *
 * Two uses of one order: a *row* position names one change (ordinal ≥ 1); a *cut* (ordinal 0) stands before every change
 * whose transaction commits at or after that place and after every change committed before it. Snapshot rows, commits
 * and acknowledgements use cuts. The source alone knows what is inside the text.
 */
export type Position = string & { readonly __brand: 'Position' }

/** Source tables are named `schema.table`, as the source spells them (case kept). */
export type TableName = string & { readonly __brand: 'TableName' }

export function tableName(schema: string, name: string): TableName {
  return `${schema}.${name}` as TableName
}

/** Where a source stands and who it is: a different `system` or `timeline` means another log (the epoch must rise). */
export type SourceIdentity = {
  readonly system: string
  readonly timeline: number
  readonly database: string
  /** For people: `PostgreSQL 18.4`. */
  readonly version: string
}

/** One column as the source describes it. `id` is immutable across renames (Postgres attnum); ids rise, never repeat. */
export type SourceColumn = {
  readonly id: number
  readonly name: string
  readonly type: LogicalType
  /** The source's own spelling, such as `numeric(12,2)`. */
  readonly sourceType: string
  readonly nullable: boolean
  readonly comment?: string
  /**
   * What rows written before the column existed hold: `text` in the canonical rendering, or null. Absent when the
   * column has been there since the table was created. `unfit`: they hold a value for which each of them is to be rejected.
   */
  readonly initial?: { readonly text: string | null; readonly unfit?: true }
  /** Its values show names that the source can change without an event, in every row at once: labels of an enum, attributes of a composite. */
  readonly showsNames?: true
  /** Present when the integration renames or masks the column: `name` and `type` are then what it made of them. */
  readonly policy?: AppliedPolicy
}

/** What a source column was before the integration's column policies, and which mask hides its values. */
export type AppliedPolicy = {
  readonly name: string
  readonly type: LogicalType
  /** Names the mask and its settings, never a key: another text means other values. Absent: renamed only. */
  readonly mask?: string
}

/** A column that the integration leaves out: nothing of its values is carried, but log records still list it. */
export type WithheldColumn = Pick<SourceColumn, 'id' | 'name' | 'type' | 'sourceType' | 'nullable'>

/** `key`: rows are identified by `key`. `bag`: no key; old rows are whole images (or the table is insert-only). */
export type SourceTable = {
  readonly table: TableName
  /** Immutable id of the table in the source (Postgres oid): a re-created table has another. */
  readonly id: string
  /** Changes whenever the source rewrote the rows' storage (Postgres relfilenode): row addresses are void then. */
  readonly storage: string
  /**
   * Changes whenever any column's definition was touched, even to an equal one (Postgres: attnum and xmin of the
   * pg_attribute rows). Storage and definition both changed = stored values may have changed without events.
   */
  readonly definition: string
  readonly columns: readonly SourceColumn[]
  /** Column ids of the key, in key order; empty for a bag. */
  readonly key: readonly number[]
  readonly identity: 'default' | 'index' | 'full' | 'nothing'
  readonly comment?: string
  /** Columns of the source that the integration excludes; they are in no batch. */
  readonly withheld?: readonly WithheldColumn[]
}

/** A physical column: one source column's place in the files, for ever. */
export type Column = {
  readonly id: number
  readonly name: string
  /** Immutable, unique within the table, lower case: the name in files. */
  readonly physical: string
  readonly type: LogicalType
  readonly sourceType: string
  readonly nullable: boolean
  readonly comment?: string
  /** The source no longer has it; files keep it as nulls. */
  readonly dropped?: true
  /** Dropped together with an earlier table of this name, whose id this is; `id` is that table's. */
  readonly formerTable?: string
  /**
   * The value that rows at positions below `before` have for this column although their files lack it
   * (`ADD COLUMN … DEFAULT constant`); `text` in the canonical rendering. Views apply it.
   */
  readonly initial?: { readonly before: Position; readonly text: string }
  /** See `SourceColumn.policy`. */
  readonly policy?: AppliedPolicy
}

/**
 * `id` of tables whose rows were brought by transfers: they are only ever added, or all of them replaced. No file holds an
 * update, a delete or a truncate.
 */
export const TRANSFERRED_TABLE = 'transferred'

/** One version of a table's schema, as the commit log keeps it. Columns are in file order. */
export type TableSchema = {
  readonly table: TableName
  readonly id: string
  /** Rises by one with every change, from 1. */
  readonly version: number
  /**
   * The position from which it holds: a cut at which the catalogue showed it, or the first row of that shape in the
   * log. The stream may still be behind it when a snapshot saw the catalogue first.
   */
  readonly since: Position
  readonly columns: readonly Column[]
  /** Physical names, in key order; empty for a bag. */
  readonly key: readonly string[]
  readonly identity: SourceTable['identity']
  readonly comment?: string
  /** See `SourceTable.withheld`. */
  readonly withheld?: readonly WithheldColumn[]
}

/** The first columns of every file, in this order. A source column of one of these names is refused. */
export const METADATA_COLUMNS = ['_op', '_position', '_source_committed_at', '_unchanged'] as const

const METADATA_TEXT: LogicalType = { kind: 'utf8', format: 'text' }

/** Their logical types. */
export const METADATA_TYPES: Readonly<Record<(typeof METADATA_COLUMNS)[number], LogicalType>> = {
  _op: METADATA_TEXT,
  _position: METADATA_TEXT,
  _source_committed_at: { kind: 'timestamp', utc: true },
  _unchanged: METADATA_TEXT,
}

/** `_op` values: snapshot row, insert, update, delete, truncate (every other column of a truncate row is null but the metadata). */
export const OPS = { snapshot: 'r', insert: 'c', update: 'u', delete: 'd', truncate: 't' } as const
export type Op = (typeof OPS)[keyof typeof OPS]

const dictionaryText = () => new Dictionary(new Utf8(), new Int32())

/**
 * Arrow fields of the metadata columns. `_op` and `_unchanged` are always dictionary-encoded Utf8 (Int32 indices);
 * `_position` is a dictionary in snapshot batches (one value) and plain Utf8 in change batches.
 */
export function metadataFields(part: 'base' | 'changes'): Field[] {
  return [
    new Field('_op', dictionaryText(), false),
    new Field('_position', part === 'base' ? dictionaryText() : new Utf8(), false),
    new Field('_source_committed_at', new TimestampMicrosecond('UTC'), true),
    new Field('_unchanged', dictionaryText(), true),
  ]
}

const columnField = (name: string, column: SourceColumn | Column): Field =>
  // Every column is nullable in files: deletes carry only the key, truncates nothing.
  new Field(
    name,
    arrowType(column.type) as DataType,
    true,
    new Map([
      ['portage.id', String(column.id)],
      ['portage.type', typeName(column.type)],
      ['portage.source_type', column.sourceType],
      ['portage.name', column.name],
    ]),
  )

/** Arrow schema of the batches a source emits for a table: metadata columns, then its columns in the order given. */
export function sourceBatchSchema(table: SourceTable, part: 'base' | 'changes'): Schema {
  return new Schema([...metadataFields(part), ...table.columns.map((column) => columnField(column.name, column))])
}

/** Arrow schema of a file: metadata columns, then every physical column, dropped ones included. */
export function fileSchema(schema: TableSchema, part: 'base' | 'changes'): Schema {
  return new Schema([...metadataFields(part), ...schema.columns.map((column) => columnField(column.physical, column))])
}

/**
 * Rows of one table and one schema, as an Arrow record batch of `sourceBatchSchema(table, part)`.
 *
 * Its buffers belong to the source and are valid until `release()`, which must be called exactly once. Every buffer has
 * at least 8 readable bytes behind its last value (encoders read whole words). At most `MAX_BATCH_ROWS` rows. All rows
 * of a change batch were committed on one UTC date and stand in position order.
 */
export type RowBatch = {
  readonly table: SourceTable
  readonly part: 'base' | 'changes'
  readonly batch: RecordBatch
  /** UTC date of `_source_committed_at`, `YYYY-MM-DD`; null in snapshot batches. */
  readonly date: string | null
  readonly firstPosition: Position
  readonly lastPosition: Position
  readonly release: () => void
}

export const MAX_BATCH_ROWS = 65_536

/** A row that a target cannot hold, kept aside under `on_bad_value: reject`. Lands in `rejects/`, never in a log. */
export type Reject = {
  readonly table: TableName
  readonly column: string
  readonly position: Position
  readonly reason: string
  /** The whole row in the source's text form, masked and excluded columns already absent. */
  readonly row: Readonly<Record<string, string | null>>
}

/**
 * A piece of the source's log. Sets arrive in log order; concatenated, they hold every change once.
 * A transaction larger than a batch spans several sets; `cut` is null until its last one.
 */
export type ChangeSet = {
  readonly batches: readonly RowBatch[]
  readonly rejects: readonly Reject[]
  /** Schemas that begin to hold before the first row of this set's batches of that table. */
  readonly schemas: readonly SchemaChange[]
  /**
   * Non-null when the set ends between transactions: everything before the cut has been handed over, and the receiver
   * should commit now (the flush policy or the end of the backlog says so).
   */
  readonly cut: Position | null
  /** Commit time (ISO-8601 UTC) of the last transaction of the set, null when it has none. */
  readonly committedAt: string | null
  readonly transactions: number
  readonly changes: number
  /** True when the source had nothing more to send at `cut`. */
  readonly current: boolean
}

/** `rewritten`: stored rows changed without change events (volatile default, TYPE … USING): the table needs a new snapshot. */
export type SchemaChange = {
  readonly table: SourceTable
  /** The first position at which the new schema holds. */
  readonly position: Position
  readonly rewritten: boolean
}
