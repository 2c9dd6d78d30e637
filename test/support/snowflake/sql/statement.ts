/** What the parser makes of statements. */
import type { Expression, Name, ObjectName, Query, StagePath } from './ast.ts'
import type { Place } from './errors.ts'
import type { OptionMap } from './parse/options.ts'
import type { SqlType } from './types.ts'

export type Creation = { readonly replace: boolean; readonly ifNotExists: boolean; readonly name: ObjectName }

export type TableColumn = {
  readonly name: Name
  readonly type: SqlType
  readonly nullable: boolean
  readonly comment: string | null
  readonly fallback: Expression | null
}

export type ExternalColumn = {
  readonly name: Name
  readonly type: SqlType
  readonly expression: Expression
  /** The expression as it was written. */
  readonly text: string
  readonly nullable: boolean
}

export type ObjectKind =
  | 'DATABASE'
  | 'SCHEMA'
  | 'TABLE'
  | 'EXTERNAL TABLE'
  | 'VIEW'
  | 'STAGE'
  | 'FILE FORMAT'
  | 'WAREHOUSE'
  | 'INTEGRATION'
  | 'ROLE'
  | 'USER'
  | 'MASKING POLICY'
  | 'ROW ACCESS POLICY'

export type ShowKind =
  | 'DATABASES'
  | 'SCHEMAS'
  | 'OBJECTS'
  | 'TABLES'
  | 'EXTERNAL TABLES'
  | 'VIEWS'
  | 'STAGES'
  | 'FILE FORMATS'
  | 'WAREHOUSES'
  | 'INTEGRATIONS'
  | 'ROLES'
  | 'USER FUNCTIONS'
  | 'COLUMNS'
  | 'MASKING POLICIES'
  | 'ROW ACCESS POLICIES'
  | 'PARAMETERS'

export type AlterExternal =
  | { readonly action: 'add-files' | 'remove-files'; readonly files: readonly string[] }
  | { readonly action: 'refresh'; readonly path: string | null }
  | {
      readonly action: 'add-partition'
      readonly values: readonly { readonly column: Name; readonly value: string }[]
      readonly location: string
    }
  | { readonly action: 'drop-partition'; readonly location: string }
  | { readonly action: 'set'; readonly options: OptionMap }
  | AlterColumns

export type AlterColumns =
  | { readonly action: 'add-column'; readonly column: ExternalColumn | TableColumn; readonly ifNotExists: boolean }
  | { readonly action: 'drop-columns'; readonly columns: readonly Name[]; readonly ifExists: boolean }
  | { readonly action: 'rename-column'; readonly from: Name; readonly to: Name }
  | { readonly action: 'rename'; readonly to: ObjectName }
  | { readonly action: 'comment'; readonly text: string | null }
  | { readonly action: 'column-comment'; readonly column: Name; readonly text: string }
  | { readonly action: 'column-null'; readonly column: Name; readonly nullable: boolean }
  | {
      readonly action: 'policy'
      readonly policy: ObjectName | null
      readonly column: Name | null
      readonly columns: readonly Name[]
    }

export type Grantee = { readonly kind: 'ROLE' | 'USER'; readonly name: Name }
export type GrantTarget =
  | { readonly kind: 'object'; readonly object: ObjectKind | 'ACCOUNT'; readonly name: ObjectName | null }
  | {
      readonly kind: 'all' | 'future'
      readonly objects: ObjectKind
      readonly within: 'SCHEMA' | 'DATABASE'
      readonly name: ObjectName
    }

export type MergeBranch = {
  readonly matched: boolean
  readonly condition: Expression | null
  readonly action:
    | { readonly kind: 'delete' }
    | { readonly kind: 'update'; readonly set: readonly Assignment[] }
    | { readonly kind: 'insert'; readonly columns: readonly Name[]; readonly values: readonly Expression[] }
}
export type Assignment = { readonly column: Name; readonly value: Expression }

export type Statement = { readonly at: Place } & (
  | { readonly kind: 'query'; readonly query: Query }
  | {
      readonly kind: 'use'
      readonly what: 'DATABASE' | 'SCHEMA' | 'WAREHOUSE' | 'ROLE' | 'SECONDARY ROLES' | null
      readonly name: ObjectName | null
    }
  | { readonly kind: 'set-session'; readonly values: ReadonlyMap<string, string | number | boolean> }
  | { readonly kind: 'unset-session'; readonly names: readonly string[] }
  | { readonly kind: 'transaction'; readonly action: 'begin' | 'commit' | 'rollback' }
  | ({ readonly kind: 'create-database' | 'create-schema'; readonly options: OptionMap; readonly transient: boolean } & Creation)
  | ({
      readonly kind: 'create-file-format' | 'create-stage'
      readonly options: OptionMap
      readonly temporary: boolean
    } & Creation)
  | ({
      readonly kind: 'create-external-table'
      readonly columns: readonly ExternalColumn[]
      readonly partitionBy: readonly Name[]
      readonly location: StagePath
      readonly options: OptionMap
      readonly copyGrants: boolean
      readonly policies: readonly { readonly name: ObjectName; readonly columns: readonly Name[] }[]
    } & Creation)
  | ({
      readonly kind: 'create-view'
      readonly columns: readonly { readonly name: Name; readonly comment: string | null; readonly mask: ObjectName | null }[]
      readonly policies: readonly { readonly name: ObjectName; readonly columns: readonly Name[] }[]
      readonly query: Query
      readonly text: string
      readonly options: OptionMap
      readonly copyGrants: boolean
      readonly temporary: boolean
      readonly secure: boolean
    } & Creation)
  | ({
      readonly kind: 'create-table'
      readonly columns: readonly TableColumn[]
      readonly query: Query | null
      readonly like: ObjectName | null
      readonly options: OptionMap
      readonly copyGrants: boolean
      readonly persistence: 'permanent' | 'transient' | 'temporary'
    } & Creation)
  | ({ readonly kind: 'create-role'; readonly options: OptionMap } & Creation)
  | ({
      readonly kind: 'create-policy'
      readonly what: 'MASKING POLICY' | 'ROW ACCESS POLICY'
      readonly parameters: readonly { readonly name: Name; readonly type: SqlType }[]
      readonly body: Expression
      readonly text: string
    } & Creation)
  | { readonly kind: 'alter-stage'; readonly name: ObjectName; readonly ifExists: boolean; readonly options: OptionMap }
  | { readonly kind: 'alter-warehouse'; readonly name: ObjectName; readonly action: 'SUSPEND' | 'RESUME' }
  | {
      readonly kind: 'alter-external-table'
      readonly name: ObjectName
      readonly ifExists: boolean
      readonly change: AlterExternal
    }
  | {
      readonly kind: 'alter-relation'
      readonly what: 'TABLE' | 'VIEW'
      readonly name: ObjectName
      readonly ifExists: boolean
      readonly change: AlterColumns
    }
  | {
      readonly kind: 'alter-comment'
      readonly what: ObjectKind
      readonly name: ObjectName
      readonly ifExists: boolean
      readonly text: string | null
    }
  | {
      readonly kind: 'comment'
      readonly what: ObjectKind | 'COLUMN'
      readonly name: ObjectName
      readonly column: Name | null
      readonly text: string
      readonly ifExists: boolean
    }
  | {
      readonly kind: 'grant' | 'revoke'
      readonly privileges: readonly string[] | 'all'
      readonly target: GrantTarget
      readonly to: Grantee
    }
  | { readonly kind: 'grant-role' | 'revoke-role'; readonly role: Name; readonly to: Grantee }
  | { readonly kind: 'show-grants'; readonly on: GrantTarget | null; readonly to: Grantee | null; readonly of: Name | null }
  | {
      readonly kind: 'show'
      readonly what: ShowKind
      readonly terse: boolean
      readonly like: string | null
      readonly within: ShowScope
      readonly startsWith: string | null
      readonly limit: number | null
      readonly after: string | null
    }
  | { readonly kind: 'describe'; readonly what: ObjectKind; readonly name: ObjectName }
  | {
      readonly kind: 'drop'
      readonly what: ObjectKind
      readonly name: ObjectName
      readonly ifExists: boolean
      readonly restrict: boolean
    }
  | { readonly kind: 'list' | 'remove'; readonly stage: StagePath; readonly pattern: string | null }
  | {
      readonly kind: 'copy-into-location'
      readonly stage: StagePath
      readonly source: Query
      readonly partitionBy: Expression | null
      readonly options: OptionMap
    }
  | {
      readonly kind: 'insert'
      readonly table: ObjectName
      readonly columns: readonly Name[]
      readonly query: Query
      readonly overwrite: boolean
    }
  | {
      readonly kind: 'delete'
      readonly table: ObjectName
      readonly alias: Name | null
      readonly using: Query['body'] | null
      readonly where: Expression | null
    }
  | {
      readonly kind: 'update'
      readonly table: ObjectName
      readonly alias: Name | null
      readonly set: readonly Assignment[]
      readonly from: Query['body'] | null
      readonly where: Expression | null
    }
  | {
      readonly kind: 'merge'
      readonly table: ObjectName
      readonly alias: Name | null
      readonly using: Query['body']
      readonly on: Expression
      readonly branches: readonly MergeBranch[]
    }
  | { readonly kind: 'truncate'; readonly table: ObjectName; readonly ifExists: boolean }
)

export type ShowScope =
  | { readonly kind: 'session' }
  | { readonly kind: 'account' }
  | { readonly kind: 'database' | 'schema' | 'table' | 'either'; readonly name: ObjectName | null }

/** The statements of a kind. */
export type StatementOf<K extends Statement['kind']> = Statement extends infer S
  ? S extends { readonly kind: infer X }
    ? K extends X
      ? S
      : never
    : never
  : never
