/**
 * A feature view as plain data: what the builder records, what canonical JSON holds, what engine and SQL are made from.
 * Closed: there is nothing here that only one of the three could evaluate.
 */

/** Changes when the meaning of the tree changes. */
export const VIEW_FORMAT = 'portage.feature-view/1'

/**
 * `id`: keys and references; integers and text alike are compared as text. `money`: decimal text of at most `scale` decimals,
 * counted in minor units. `instant`: elapsed milliseconds since 1970 (finer fractions are cut off); text without an offset is
 * read in `zone` (`UTC` or `±hh:mm`).
 */
export type ColumnType =
  | { readonly kind: 'id' }
  | { readonly kind: 'text'; readonly values?: readonly string[] }
  | { readonly kind: 'boolean' }
  | { readonly kind: 'integer' }
  | { readonly kind: 'money'; readonly currency: string; readonly scale: number }
  | { readonly kind: 'instant'; readonly zone: string }

/** Rows of one table: owned by the entity (`parent` null) or by a row of `parent`, named by column `link`. */
export type RowSource = {
  /** `name` or `schema.name`. */
  readonly table: string
  readonly key: readonly string[]
  readonly columns: Readonly<Record<string, ColumnType>>
  readonly parent: string | null
  readonly link: string
  /** The instant from which a row holds; what `happened` and `within` look at. */
  readonly effective: string | null
}

export type Literal = string | number | boolean

/**
 * About one column of a row; a null column satisfies `notIn` and `isNull` only. Literals of integers and money are decimal
 * texts of integers (minor units), those of instants milliseconds as text.
 */
export type Predicate =
  | { readonly column: string; readonly op: 'in' | 'notIn'; readonly values: readonly Literal[] }
  | { readonly column: string; readonly op: 'lt' | 'le' | 'gt' | 'ge'; readonly value: Literal }
  | { readonly column: string; readonly op: 'isNull' | 'notNull' }

/** Current rows of a source that satisfy everything given. T is the time of the read. */
export type Rows = {
  readonly rows: string
  readonly where: readonly Predicate[]
  /** `effective ≤ T`. */
  readonly happened: boolean
  /** `0 ≤ T − effective < withinMs`. */
  readonly withinMs: number | null
  /** Only rows whose parent is among these. */
  readonly of: Rows | null
}

/**
 * `count`, `sum` and `distinct` of no rows are 0, the others null. Nulls are not counted by `sum`, `min`, `max`, `distinct`.
 * `last`: the column in the row of the latest effective time that is not after T; equal times: the greater key, column by column in UTF-8 bytes.
 */
export type Aggregate =
  | { readonly aggregate: 'count'; readonly of: Rows }
  | { readonly aggregate: 'sum' | 'min' | 'max' | 'last' | 'distinct'; readonly of: Rows; readonly column: string }

export type Expression =
  | Aggregate
  /** One division of two integers; `whenZero` when the denominator is 0. */
  | { readonly ratio: { readonly numerator: Aggregate; readonly denominator: Aggregate; readonly whenZero: number | null } }
  /** floor((T − since) / 86,400,000 ms); null when `since` is. */
  | { readonly elapsedDays: { readonly since: Aggregate } }

export type Feature = { readonly name: string; readonly value: Expression }

export type FeatureView = {
  readonly format: typeof VIEW_FORMAT
  readonly name: string
  readonly version: number
  readonly owner: string
  /** `table` may be absent from a stream: an entity exists by being named. */
  readonly entity: { readonly name: string; readonly table: string }
  readonly sources: Readonly<Record<string, RowSource>>
  /** In the order in which they are shown. */
  readonly features: readonly Feature[]
  /** What null means, for every feature that can be null. */
  readonly nulls: Readonly<Record<string, string>>
}

/** The unit of an aggregate's value; equal texts can be divided by each other. */
export function unitOf(view: Pick<FeatureView, 'sources'>, aggregate: Aggregate): string {
  if (aggregate.aggregate === 'count' || aggregate.aggregate === 'distinct') return 'integer'
  const type = columnType(view, aggregate.of.rows, aggregate.column)
  return type.kind === 'money' ? `money(${type.currency},${type.scale})` : type.kind
}

export function columnType(view: Pick<FeatureView, 'sources'>, source: string, column: string): ColumnType {
  const type = view.sources[source]?.columns[column]
  if (type === undefined) throw new Error(`Source "${source}" has no column "${column}"`)
  return type
}

/** Whether a feature can be null without a null having been stored. */
export function isNullable(value: Expression): boolean {
  if ('ratio' in value) return value.ratio.whenZero === null
  if ('elapsedDays' in value) return true
  return value.aggregate === 'min' || value.aggregate === 'max' || value.aggregate === 'last'
}

/** Every aggregate of an expression, with the part it plays. */
export function aggregatesOf(value: Expression): readonly (readonly [part: string, aggregate: Aggregate])[] {
  if ('ratio' in value) {
    return [
      ['numerator', value.ratio.numerator],
      ['denominator', value.ratio.denominator],
    ]
  }
  return 'elapsedDays' in value ? [['since', value.elapsedDays.since]] : [['value', value]]
}

/** Sources from the entity down to `source`. */
export function pathTo(view: Pick<FeatureView, 'sources'>, source: string): readonly string[] {
  const parent = view.sources[source]?.parent ?? null
  return parent === null ? [source] : [...pathTo(view, parent), source]
}
