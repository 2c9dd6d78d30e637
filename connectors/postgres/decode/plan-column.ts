/** Decides how a column travels (the type table of lake-format). */
import type { ColumnOptions, OnBadValue } from '../../ports.ts'
import type { ColumnPlan } from './column-plan.ts'
import type { PgTypes } from './pg-type.ts'

/** A column as the catalogue describes it. */
export type CatalogueColumn = {
  /** attnum. */
  readonly id: number
  readonly name: string
  readonly typeOid: number
  readonly typmod: number
  readonly nullable: boolean
  /** `format_type(atttypid, atttypmod)`. */
  readonly sourceType: string
}

export type PlanContext = {
  /** `schema.table`, for messages. */
  readonly table: string
  readonly options?: ColumnOptions | undefined
  /** The integration's default policy. */
  readonly onBadValue: OnBadValue
}

/** Signature of `planColumn` in this file. Throws `CONFIGURATION` when the options ask for a type that the column cannot become. */
export type PlanColumn = (column: CatalogueColumn, types: PgTypes, context: PlanContext) => ColumnPlan

/** Signature of `initialValue` in this file: `attmissingval::text` → `SourceColumn.initial`; throws `BAD_VALUE` by policy. */
export type InitialValue = (plan: ColumnPlan, missing: string) => { readonly text: string | null }
