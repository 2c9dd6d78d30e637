/** What the parser makes of expressions and queries. Names are as Snowflake stores them: unquoted ones in upper case. */
import type { Place } from './errors.ts'
import type { SqlType } from './types.ts'

export type Name = { readonly text: string; readonly quoted: boolean; readonly at: Place }
/** Up to three parts: database, schema, object. */
export type ObjectName = { readonly parts: readonly Name[]; readonly at: Place }

export type Expression = { readonly at: Place } & (
  | { readonly kind: 'string' | 'number'; readonly text: string }
  | { readonly kind: 'boolean'; readonly value: boolean }
  | { readonly kind: 'null' }
  | { readonly kind: 'binding'; readonly index: number }
  | { readonly kind: 'name'; readonly parts: readonly Name[] }
  | { readonly kind: 'star'; readonly qualifier: readonly Name[] | null; readonly exclude: readonly Name[] }
  | { readonly kind: 'path'; readonly base: Expression; readonly steps: readonly (string | Expression)[] }
  | { readonly kind: 'cast'; readonly value: Expression; readonly type: SqlType; readonly attempt: boolean }
  | { readonly kind: 'unary'; readonly operator: '-' | '+' | 'not'; readonly value: Expression }
  | { readonly kind: 'binary'; readonly operator: BinaryOperator; readonly left: Expression; readonly right: Expression }
  | { readonly kind: 'is'; readonly value: Expression; readonly what: 'null' | 'true' | 'false'; readonly negated: boolean }
  | { readonly kind: 'distinct'; readonly left: Expression; readonly right: Expression; readonly negated: boolean }
  | { readonly kind: 'in'; readonly value: Expression; readonly list: readonly Expression[]; readonly negated: boolean }
  | { readonly kind: 'in-query'; readonly value: Expression; readonly query: Query; readonly negated: boolean }
  | {
      readonly kind: 'between'
      readonly value: Expression
      readonly low: Expression
      readonly high: Expression
      readonly negated: boolean
    }
  | {
      readonly kind: 'like'
      readonly operator: 'like' | 'ilike' | 'rlike'
      readonly value: Expression
      readonly pattern: Expression
      readonly escape: string | null
      readonly negated: boolean
    }
  | {
      readonly kind: 'case'
      readonly operand: Expression | null
      readonly branches: readonly { readonly when: Expression; readonly result: Expression }[]
      readonly otherwise: Expression | null
    }
  | CallNode
  | { readonly kind: 'exists'; readonly query: Query }
  | { readonly kind: 'subquery'; readonly query: Query }
  | { readonly kind: 'tuple'; readonly items: readonly Expression[] }
  | { readonly kind: 'array'; readonly items: readonly Expression[] }
  | { readonly kind: 'object'; readonly entries: readonly { readonly key: string; readonly value: Expression }[] }
  | { readonly kind: 'interval'; readonly text: string }
)

export type BinaryOperator = 'or' | 'and' | '=' | '<>' | '<' | '<=' | '>' | '>=' | '+' | '-' | '*' | '/' | '%' | '||'

type CallNode = {
  readonly kind: 'call'
  readonly name: string
  readonly arguments: readonly Expression[]
  readonly named: ReadonlyMap<string, Expression>
  readonly distinct: boolean
  /** `WITHIN GROUP (ORDER BY …)` */
  readonly within: readonly OrderItem[] | null
  readonly ignoreNulls: boolean
  readonly over: WindowFrame | null
}
export type Call = Extract<Expression, { kind: 'call' }>

export type WindowFrame = {
  readonly partition: readonly Expression[]
  readonly order: readonly OrderItem[]
  /** Checked words such as `ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW`. */
  readonly frame: string | null
}

export type OrderItem = { readonly value: Expression; readonly descending: boolean; readonly nullsFirst: boolean | null }

export type Query = {
  readonly with: readonly CommonTable[]
  readonly body: QueryBody
  readonly order: readonly OrderItem[]
  readonly limit: Expression | null
  readonly offset: Expression | null
  readonly at: Place
}

export type CommonTable = { readonly name: Name; readonly columns: readonly Name[]; readonly query: Query }

export type QueryBody =
  | Select
  | { readonly kind: 'values'; readonly rows: readonly (readonly Expression[])[]; readonly at: Place }
  | {
      readonly kind: 'set'
      readonly operator: 'union' | 'intersect' | 'except'
      readonly all: boolean
      readonly left: QueryBody
      readonly right: QueryBody
      readonly at: Place
    }
  | { readonly kind: 'nested'; readonly query: Query; readonly at: Place }

export type SelectItem = { readonly value: Expression; readonly alias: Name | null; readonly text: string }

export type Select = {
  readonly kind: 'select'
  readonly distinct: boolean
  readonly items: readonly SelectItem[]
  readonly from: readonly FromItem[]
  readonly where: Expression | null
  readonly group: readonly Expression[] | 'all' | null
  readonly having: Expression | null
  readonly qualify: Expression | null
  /** `SELECT TOP n` */
  readonly top: Expression | null
  readonly at: Place
}

export type Alias = { readonly name: Name; readonly columns: readonly Name[] }

export type FromItem = { readonly at: Place } & (
  | { readonly kind: 'table'; readonly name: ObjectName; readonly alias: Alias | null }
  | { readonly kind: 'query'; readonly query: Query; readonly alias: Alias | null; readonly lateral: boolean }
  | { readonly kind: 'function'; readonly call: Call; readonly qualifier: readonly Name[]; readonly alias: Alias | null }
  | {
      readonly kind: 'stage'
      readonly stage: StagePath
      readonly options: ReadonlyMap<string, Expression>
      readonly alias: Alias | null
    }
  | {
      readonly kind: 'join'
      readonly how: 'inner' | 'left' | 'right' | 'full' | 'cross'
      readonly left: FromItem
      readonly right: FromItem
      readonly on: Expression | null
      readonly using: readonly Name[] | null
      readonly natural: boolean
    }
)

/** `@db.schema.stage/path/` */
export type StagePath = { readonly name: ObjectName; readonly path: string; readonly at: Place }
