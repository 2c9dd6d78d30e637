/** What an account holds. Objects are changed in place; everything about rows and files lies elsewhere. */
import type { Expression, Query } from '../ast.ts'
import type { FileRegistry } from '../external/registry.ts'
import type { OptionMap } from '../parse/options.ts'
import type { ExternalColumn, ObjectKind } from '../statement.ts'
import type { SqlType } from '../types.ts'

export type Grant = { readonly privilege: string; readonly role: string; readonly by: string; readonly on: Date }

/** Whatever privileges are granted on. */
export type Securable = {
  readonly kind: ObjectKind
  name: string
  owner: string
  comment: string
  readonly createdOn: Date
  grants: Grant[]
}

export type Database = Securable & {
  readonly kind: 'DATABASE'
  readonly schemas: Map<string, Schema>
  readonly transient: boolean
}

export type Schema = Securable & {
  readonly kind: 'SCHEMA'
  readonly database: Database
  /** Tables, external tables and views have one space of names. */
  readonly relations: Map<string, Relation>
  readonly stages: Map<string, Stage>
  readonly formats: Map<string, FileFormat>
  readonly policies: Map<string, Policy>
  /** FUTURE grants: what new objects of a kind begin with. */
  future: { readonly objects: ObjectKind; readonly privilege: string; readonly role: string }[]
  readonly transient: boolean
}

type InSchema = { schema: Schema }

export type ColumnPolicy = { readonly policy: Policy }

export type TableColumnDef = {
  name: string
  readonly type: SqlType
  nullable: boolean
  comment: string
  readonly fallback: Expression | null
  /** The column's name in DuckDB. */
  readonly duck: string
  mask: Policy | null
}

export type Table = Securable &
  InSchema & {
    readonly kind: 'TABLE'
    readonly columns: TableColumnDef[]
    readonly duck: string
    readonly persistence: 'permanent' | 'transient' | 'temporary'
    rowPolicy: Policy | null
  }

export type View = Securable &
  InSchema & {
    readonly kind: 'VIEW'
    readonly columns: { readonly name: string; readonly type: SqlType; nullable: boolean; comment: string; mask: Policy | null }[]
    readonly query: Query
    readonly text: string
    readonly secure: boolean
    readonly temporary: boolean
    rowPolicy: Policy | null
  }

export type ExternalColumnDef = {
  name: string
  readonly type: SqlType
  readonly expression: Expression
  readonly text: string
  readonly nullable: boolean
  readonly partition: boolean
  comment: string
  mask: Policy | null
}

export type ExternalTable = Securable &
  InSchema & {
    readonly kind: 'EXTERNAL TABLE'
    readonly columns: ExternalColumnDef[]
    readonly partitionBy: readonly string[]
    readonly userSpecified: boolean
    readonly stage: Stage
    /** Below the stage, without leading and with trailing slash. */
    readonly path: string
    readonly pattern: string | null
    readonly format: FormatOptions
    readonly formatName: string | null
    autoRefresh: boolean
    /** Set when the stage was replaced or dropped: the table reads nothing any more. */
    invalid: string | null
    registry: FileRegistry
    lastRefreshed: Date | null
    rowPolicy: Policy | null
  }

export type Relation = Table | View | ExternalTable

export type StageOptions = {
  url: string
  endpoint: string | null
  credentials: { readonly accessKeyId: string; readonly secretAccessKey: string; readonly sessionToken: string | null } | null
  integration: string | null
}

export type Stage = Securable &
  InSchema & { readonly kind: 'STAGE'; readonly id: number; options: StageOptions; format: OptionMap | null }

export type FormatOptions = {
  readonly type: 'PARQUET' | 'ORC' | 'CSV' | 'JSON'
  readonly binaryAsText: boolean
  readonly useLogicalType: boolean
  readonly trimSpace: boolean
  /** Texts that are read as NULL. */
  readonly nullIf: readonly string[]
  readonly compression: string
}

export type FileFormat = Securable & InSchema & { readonly kind: 'FILE FORMAT'; readonly format: FormatOptions }

export type Policy = Securable &
  InSchema & {
    readonly kind: 'MASKING POLICY' | 'ROW ACCESS POLICY'
    readonly parameters: readonly string[]
    readonly body: Expression
    readonly text: string
  }

export type Warehouse = Securable & { readonly kind: 'WAREHOUSE'; running: boolean }
export type Integration = Securable & {
  readonly kind: 'INTEGRATION'
  /** `s3://bucket/prefix/` each; `*` allows all. */
  readonly allowed: readonly string[]
}
export type Role = Securable & {
  readonly kind: 'ROLE' /** Roles whose privileges this one has. */
  readonly includes: Set<string>
}
export type User = Securable & { readonly kind: 'USER'; readonly roles: Set<string>; readonly defaultRole: string }

export const securable = <K extends ObjectKind>(kind: K, name: string, owner: string, createdOn: Date, comment = '') => ({
  kind,
  name,
  owner,
  comment,
  createdOn,
  grants: [] as Grant[],
})

export const qualifiedName = (object: Securable & Partial<InSchema> & { readonly database?: Database }): string =>
  object.schema !== undefined
    ? [object.schema.database.name, object.schema.name, object.name].join('.')
    : object.database !== undefined
      ? [object.database.name, object.name].join('.')
      : object.name

export const isPartitioned = (column: ExternalColumn, by: readonly string[]): boolean => by.includes(column.name.text)
