/**
 * Writes feature views in TypeScript: what is written records a tree, it computes nothing. Columns and their types are known to
 * the compiler, so that a wrong column, a sum of text or a ratio of money by count is an error where it is written.
 */
import type { Aggregate, ColumnType, Expression, FeatureView, Literal, Predicate, Rows } from './definition.ts'
import { VIEW_FORMAT } from './definition.ts'
import { DefinitionError, loadView } from './load-view.ts'

// ------------------------------------------------------------------------------------------------------ column types

type Id = { readonly kind: 'id' }
type Text<Values extends string> = { readonly kind: 'text'; readonly values?: readonly Values[] }
type Bool = { readonly kind: 'boolean' }
type Integer = { readonly kind: 'integer' }
type Money<Currency extends string> = { readonly kind: 'money'; readonly currency: Currency; readonly scale: number }
type Instant = { readonly kind: 'instant'; readonly zone: string }
type Columns = Readonly<Record<string, ColumnType>>

export const id = (): Id => ({ kind: 'id' })
export const bool = (): Bool => ({ kind: 'boolean' })
export const integer = (): Integer => ({ kind: 'integer' })
/** `text('a', 'b')`: comparisons with anything else do not compile. */
export const text = <const Values extends string = string>(...values: Values[]): Text<Values> =>
  values.length === 0 ? { kind: 'text' } : { kind: 'text', values }
/** `scale` decimals: 2 for EUR, 0 for JPY, 3 for KWD. */
export const money = <const Currency extends string>(currency: Currency, scale: number): Money<Currency> => ({
  kind: 'money',
  currency,
  scale,
})
/** `zone` is how a text without an offset is read: `UTC` or `±hh:mm`. */
export const instant = (zone: string): Instant => ({ kind: 'instant', zone })

// ----------------------------------------------------------------------------------------------- entities and tables

export type Entity<Name extends string = string> = { readonly name: Name; readonly table: string }

/** `table` defaults to the name. */
export const entity = <const Name extends string>(name: Name, table: string = name): Entity<Name> => ({ name, table })

type Placed<C extends Columns, Parent extends string | null> = {
  readonly source: Table<string, C>
  readonly parent: Parent
  readonly link: string
}

type IdColumn<C extends Columns> = { [K in keyof C]: C[K] extends Id ? K : never }[keyof C] & string
type InstantColumn<C extends Columns> = { [K in keyof C]: C[K] extends Instant ? K : never }[keyof C] & string

export type Table<Name extends string, C extends Columns> = {
  readonly name: Name
  readonly table: string
  readonly key: readonly string[]
  readonly columns: C
  /** The entity that column `link` names. */
  ownedBy(owner: Entity, link: IdColumn<C>): Placed<C, null> & { readonly source: Table<Name, C> }
  /** The row of `parent` whose key column `link` holds. */
  childOf<P extends string>(parent: { readonly name: P }, link: IdColumn<C>): Placed<C, P> & { readonly source: Table<Name, C> }
}

const RESERVED = ['where', 'happened', 'anytime', 'within', 'of']

/** A table with the columns that features use; `key` defaults to column `id`, `table` to the name. */
export function table<const Name extends string, const C extends Columns>(
  name: Name,
  columns: C,
  options: { readonly key?: readonly IdColumn<C>[]; readonly table?: string } = {},
): Table<Name, C> {
  const taken = Object.keys(columns).filter((column) => RESERVED.includes(column))
  if (taken.length > 0)
    throw new DefinitionError(name, [`column "${taken.join(', ')}": the builder uses this name; write canonical JSON`])
  const self: Table<Name, C> = {
    name,
    table: options.table ?? name,
    key: options.key ?? ['id'],
    columns,
    ownedBy: (_owner, link) => ({ source: self, parent: null, link }),
    childOf: (parent, link) => ({ source: self, parent: parent.name, link }),
  }
  return self
}

// ------------------------------------------------------------------------------------------------------------- rows

const TREE: unique symbol = Symbol('tree')
declare const NAME: unique symbol
declare const OF_TYPE: unique symbol
/** A column of some rows. */
export type ColumnOf<T extends ColumnType> = { readonly rows: Rows; readonly column: string; readonly [OF_TYPE]?: T }

type Choice<T> = T extends Text<infer V> ? V : T extends Bool ? boolean : string
type Compared<T extends ColumnType> = ColumnOf<T> & {
  is(value: Choice<T>): Predicate
  /** Also true of null. */
  isNot(value: Choice<T>): Predicate
  isIn(...values: readonly (Choice<T> | readonly Choice<T>[])[]): Predicate
  /** Also true of null. */
  isNotIn(...values: readonly (Choice<T> | readonly Choice<T>[])[]): Predicate
  isNull(): Predicate
  isPresent(): Predicate
}
type Ranged<T extends ColumnType> = Compared<T> & {
  /** Integers as decimal text; money in minor units; instants in milliseconds. */
  above(value: string): Predicate
  atLeast(value: string): Predicate
  below(value: string): Predicate
  atMost(value: string): Predicate
}
type ColumnRef<T extends ColumnType> = T extends Integer | Money<string> | Instant ? Ranged<T> : Compared<T>

export type RowSet<Name extends string, C extends Columns, Parent extends string | null> = {
  readonly [TREE]: Rows
  readonly [NAME]?: Name
  /** Only rows that satisfy all of the predicates. */
  where(...predicates: readonly Predicate[]): RowSet<Name, C, Parent>
  /** `effective ≤ T`. Children of a view with an effective time are so from the start. */
  happened(): RowSet<Name, C, Parent>
  /** Also rows whose effective time has not come. */
  anytime(): RowSet<Name, C, Parent>
  /** `0 ≤ T − effective < window`. */
  within(window: Window): RowSet<Name, C, Parent>
  /** Only children of these rows. */
  of(parents: { readonly [TREE]: Rows; readonly [NAME]?: Parent & string }): RowSet<Name, C, Parent>
} & { readonly [K in keyof C & string]: ColumnRef<C[K]> }

export type Window = { readonly ms: number }
export const days = (count: number): Window => ({ ms: count * 86_400_000 })
export const hours = (count: number): Window => ({ ms: count * 3_600_000 })

function rowSet<C extends Columns>(tree: Rows, columns: C): RowSet<string, C, string | null> {
  const changed = (change: Partial<Rows>) => rowSet({ ...tree, ...change }, columns)
  const methods = {
    [TREE]: tree,
    where: (...predicates: readonly Predicate[]) => changed({ where: [...tree.where, ...predicates] }),
    happened: () => changed({ happened: true }),
    anytime: () => changed({ happened: false }),
    within: ({ ms }: Window) => changed({ withinMs: ms, happened: false }),
    of: (parents: { readonly [TREE]: Rows }) => changed({ of: parents[TREE] }),
  }
  const refs = Object.keys(columns).map((column) => [column, columnRef(tree, column)])
  return Object.assign(Object.fromEntries(refs), methods) as RowSet<string, C, string | null>
}

function columnRef(rows: Rows, column: string) {
  const among =
    (op: 'in' | 'notIn') =>
    (...values: readonly (Literal | readonly Literal[])[]): Predicate => ({
      column,
      op,
      values: [...new Set(values.flat())].toSorted((a, b) => (String(a) < String(b) ? -1 : 1)),
    })
  const compared =
    (op: 'lt' | 'le' | 'gt' | 'ge') =>
    (value: Literal): Predicate => ({ column, op, value })
  return {
    rows,
    column,
    is: among('in'),
    isNot: among('notIn'),
    isIn: among('in'),
    isNotIn: among('notIn'),
    isNull: (): Predicate => ({ column, op: 'isNull' }),
    isPresent: (): Predicate => ({ column, op: 'notNull' }),
    above: compared('gt'),
    atLeast: compared('ge'),
    below: compared('lt'),
    atMost: compared('le'),
  }
}

// ------------------------------------------------------------------------------------------------------- expressions

declare const UNIT: unique symbol
/** An aggregate whose unit the compiler knows: `EUR`, `integer`, `instant`, `text` … */
export type Aggregated<Unit extends string, Summed extends boolean = false> = Aggregate & {
  readonly [UNIT]?: readonly [Unit, Summed]
}

type UnitOf<T> = T extends Money<infer Currency> ? Currency : T extends { readonly kind: infer K extends string } ? K : never
type Measured = Integer | Money<string>

const over = <A extends 'sum' | 'min' | 'max' | 'last' | 'distinct'>(aggregate: A, of: ColumnOf<ColumnType>) => ({
  aggregate,
  of: of.rows,
  column: of.column,
})

export const count = (rows: { readonly [TREE]: Rows }): Aggregated<'integer', true> => ({ aggregate: 'count', of: rows[TREE] })
/** 0 when there is nothing. */
export const sum = <T extends Measured>(of: ColumnOf<T>): Aggregated<UnitOf<T>, true> => over('sum', of)
export const min = <T extends Measured | Instant>(of: ColumnOf<T>): Aggregated<UnitOf<T>> => over('min', of)
export const max = <T extends Measured | Instant>(of: ColumnOf<T>): Aggregated<UnitOf<T>> => over('max', of)
/** The value in the row of the latest effective time that is not after T. */
export const last = <T extends ColumnType>(of: ColumnOf<T>): Aggregated<UnitOf<T>> => over('last', of)
/** Number of different values. */
export const distinct = <T extends ColumnType>(of: ColumnOf<T>): Aggregated<'integer', true> => over('distinct', of)

/** One division of two counts or sums of the same unit. */
export const ratio = <Unit extends string>(
  numerator: Aggregated<Unit, true>,
  denominator: Aggregated<NoInfer<Unit>, true>,
  { whenZero }: { readonly whenZero: number | null },
): Expression => ({ ratio: { numerator, denominator, whenZero } })

/** The time of the read. */
export type AsOf = { readonly asOf: true }

/** Whole days of 86,400,000 ms that have passed at T. */
export const elapsedDays = (_asOf: AsOf, since: Aggregated<'instant'>): Expression => ({ elapsedDays: { since } })

// -------------------------------------------------------------------------------------------------------------- view

type AnyPlaced = Placed<Columns, string | null>
type PlacedRows<P> = P extends { readonly source: Table<infer N, infer C>; readonly parent: infer Parent extends string | null }
  ? RowSet<N, C, Parent>
  : never
type AllRows<Root, Children> = (Root extends { readonly source: Table<infer N, Columns> }
  ? { readonly [K in N]: PlacedRows<Root> }
  : never) & { readonly [K in keyof Children]: PlacedRows<Children[K]> } & { readonly asOf: AsOf }
type Effective<Root, Children> = (Root extends { readonly source: Table<infer N, infer C> }
  ? { readonly [K in N]?: InstantColumn<C> }
  : never) & {
  readonly [K in keyof Children]?: Children[K] extends { readonly source: Table<string, infer C> } ? InstantColumn<C> : never
}

export type ViewOptions<
  Root extends AnyPlaced,
  Children extends Readonly<Record<string, AnyPlaced>>,
  F extends Readonly<Record<string, Expression>>,
> = {
  readonly entity: Entity
  readonly owner: string
  readonly version: number
  readonly root: Root
  /** Rows of rows, at any depth; or more tables owned by the entity. */
  readonly children?: Children
  /** The instant from which a row holds. Children are invisible before it; root rows only in windows. */
  readonly effective?: Effective<Root, Children>
  readonly features: (rows: AllRows<Root, Children>) => F
  /** What null means, for every feature that can be null. */
  readonly nulls?: { readonly [K in keyof F]?: string }
}

/** A checked view. Throws `DefinitionError` for what types cannot say. */
export function featureView<
  const Root extends AnyPlaced,
  const Children extends Readonly<Record<string, AnyPlaced>>,
  const F extends Readonly<Record<string, Expression>>,
>(name: string, options: ViewOptions<Root, Children, F>): FeatureView {
  const placed: readonly (readonly [string, AnyPlaced])[] = [
    [options.root.source.name, options.root],
    ...Object.entries(options.children ?? {}),
  ]
  const effective = (options.effective ?? {}) as Readonly<Record<string, string>>
  const misnamed = placed.filter(([alias, { source }]) => alias !== source.name).map(([alias]) => `children.${alias}`)
  if (misnamed.length > 0) throw new DefinitionError(name, [`${misnamed.join(', ')}: must have the name of its table`])
  const sources = Object.fromEntries(
    placed.map(([alias, { source, parent, link }]) => [
      alias,
      { table: source.table, key: source.key, columns: source.columns, parent, link, effective: effective[alias] ?? null },
    ]),
  )
  const rows = Object.fromEntries(
    placed.map(([alias, { source, parent }]) => {
      const happened = parent !== null && effective[alias] !== undefined
      return [alias, rowSet({ rows: alias, where: [], happened, withinMs: null, of: null }, source.columns)]
    }),
  )
  const features = options.features({ ...rows, asOf: { asOf: true } } as unknown as AllRows<Root, Children>)
  return loadView({
    format: VIEW_FORMAT,
    name,
    version: options.version,
    owner: options.owner,
    entity: options.entity,
    sources,
    features: Object.entries(features).map(([feature, value]) => ({ name: feature, value })),
    nulls: options.nulls ?? {},
  })
}
