/** How a function is described: arguments, and the expression that it is. What has no description is no function (002140). */
import { type CastContext, castTo } from '../bind/cast.ts'
import { numeric } from '../bind/operators.ts'
import { anyNullable, type Bound, bound, typesText } from '../bind/value.ts'
import { invalidArgumentTypes } from '../errors.ts'
import { BOOLEAN, FLOAT, number, type SqlType, text } from '../types.ts'

export type FunctionContext = CastContext & {
  readonly name: string
  readonly now: Date
  /** Binding's own way to ask of the session. */
  readonly sessionValue: (name: string) => { readonly text: string | null } | null
}

export type ScalarFunction = {
  readonly least: number
  readonly most: number
  /** Arguments come as they are, also typed values of files. */
  readonly raw?: true
  readonly bind: (values: readonly Bound[], context: FunctionContext) => Bound
}

export type FunctionTable = { readonly [name: string]: ScalarFunction }

export const fixed = (count: number, bind: ScalarFunction['bind']): ScalarFunction => ({ least: count, most: count, bind })
export const between = (least: number, most: number, bind: ScalarFunction['bind']): ScalarFunction => ({ least, most, bind })

export const asText = (value: Bound, context: CastContext): Bound =>
  value.type.kind === 'text' ? value : castTo(value, text(), context)
export const asFloat = (value: Bound, context: CastContext): Bound => castTo(value, FLOAT, context)
export const asBoolean = (value: Bound, context: CastContext): Bound =>
  value.type.kind === 'boolean' ? value : castTo(value, BOOLEAN, context)
/** A whole number as DuckDB's BIGINT. */
export const asInteger = (value: Bound, context: CastContext): string =>
  `CAST(${castTo(numeric(value, context), number(18), context).sql} AS BIGINT)`

/** All arguments as texts; the result by the template, null when any is. */
export const ofTexts =
  (
    template: (sql: readonly string[]) => string,
    type: SqlType | ((values: readonly Bound[]) => SqlType),
  ): ScalarFunction['bind'] =>
  (values, context) => {
    const texts = values.map((value) => asText(value, context))
    const result = typeof type === 'function' ? type(texts) : type
    return bound(template(texts.map(({ sql }) => sql)), result, anyNullable(values))
  }

export const count = number(18)

/** The text that a literal has; throws 001044 for anything else. */
export function constantText(value: Bound | undefined, values: readonly Bound[], context: FunctionContext): string {
  if (typeof value?.constant !== 'string') throw invalidArgumentTypes(context.name, typesText(values), context.at)
  return value.constant
}

export const refuse = (values: readonly Bound[], context: FunctionContext): never => {
  throw invalidArgumentTypes(context.name, typesText(values), context.at)
}
