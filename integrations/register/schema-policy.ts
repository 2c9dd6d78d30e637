/** What is done about a change of shape: apply, hold or fail. Pure. */
import type { Position, TableName, TableSchema } from '../../connectors/change.ts'
import { ConnectorError } from '../../connectors/errors.ts'
import type { TableState } from '../land/log/commit.ts'
import { type SchemaChange, type SchemaChangeKind, schemaChanges } from './schema-changes.ts'

/** `apply`: warehouses follow by themselves. `hold`: they stay until a person accepts. `fail`: nothing of it is landed. */
export type SchemaPolicy = 'apply' | 'hold' | 'fail'

export const DEFAULT_POLICIES: Readonly<Record<SchemaChangeKind, SchemaPolicy>> = {
  add_table: 'apply',
  drop_table: 'hold',
  recreate_table: 'hold',
  add_column: 'apply',
  drop_column: 'hold',
  rename_column: 'apply',
  widen_column: 'apply',
  narrow_column: 'hold',
  change_key: 'hold',
  change_identity: 'apply',
}

export type Ruling = {
  readonly policy: SchemaPolicy
  /** Where it is written, or where it would be: `schema_changes.drop_column in config/integrations/loans.yaml:9`. */
  readonly setting: string
}

/** The policies of one integration. */
export type SchemaPolicies = (table: TableName, kind: SchemaChangeKind) => Ruling

/** For captures without a configuration. */
export const APPLY_EVERYTHING: SchemaPolicies = (_, kind) => ({ policy: 'apply', setting: `schema_changes.${kind}` })

export type JudgedChange = SchemaChange & Ruling

/** What the configuration itself asks for is applied, whatever it says about changes of the source. */
export function judge(table: TableName, changes: readonly SchemaChange[], policies: SchemaPolicies): readonly JudgedChange[] {
  return changes.map((change) => ({ ...change, ...(change.configured ? CONFIGURED : policies(table, change.kind)) }))
}

const CONFIGURED: Ruling = { policy: 'apply', setting: 'the configuration itself' }

/** What the strictest of the changes asks for; `apply` when there is none. */
export function strictest(changes: readonly Pick<JudgedChange, 'policy'>[]): SchemaPolicy {
  const asked = new Set(changes.map(({ policy }) => policy))
  return asked.has('fail') ? 'fail' : asked.has('hold') ? 'hold' : 'apply'
}

/** The schema that warehouses have accepted; null when none. */
export function acceptedSchema(table: TableState | undefined): TableSchema | null {
  return table === undefined ? null : (table.versions[table.accepted] ?? null)
}

export type Decision = {
  /** From here on rows are of a shape that warehouses must not show; null when the version is accepted by itself. */
  readonly heldFrom: Position | null
  readonly changes: readonly JudgedChange[]
}

/**
 * Decides about a new schema version of a table, judged by all that lies between it and the accepted one: a change that was
 * taken back leaves nothing to hold. While no warehouse can show the table yet there is nothing to keep, and a hold accepts.
 * Throws `SCHEMA` under `fail`.
 */
export function decide(
  integration: string,
  before: TableState | undefined,
  schema: TableSchema,
  policies: SchemaPolicies,
): Decision {
  const changes = judge(schema.table, schemaChanges(acceptedSchema(before), schema), policies)
  const policy = strictest(changes)
  if (policy === 'fail') throw refusal(integration, schema.table, changes)
  return { heldFrom: policy === 'hold' && !nothingToKeep(before) ? schema.since : null, changes }
}

/** True of a table that was accepted and whose first copy is not complete: no warehouse shows it yet. */
export function nothingToKeep(table: TableState | undefined): boolean {
  return table !== undefined && table.accepted > 0 && table.base === null && table.shown === null
}

/** The error of a change under `fail`. */
export function refusal(integration: string, table: TableName, changes: readonly JudgedChange[]): ConnectorError {
  const failing = changes.filter(({ policy }) => policy === 'fail')
  const said = failing.map(({ text, setting }) => `${text} (${setting} is "fail")`).join('; ')
  return new ConnectorError(
    'SCHEMA',
    `Table "${table}" changed its shape: ${said}. Nothing of the new shape was landed or acknowledged. ` +
      `See "portage plan ${integration}"; set that to "hold" or "apply", or undo the change in the source, and run "portage run ${integration}" again`,
  )
}
