/** From a checked document to the integration that the rest of Portage sees: defaults and units. Pure. */
import {
  type ColumnRule,
  type LoadedIntegration,
  type Mask,
  type Place,
  SCHEMA_CHANGE_KINDS,
  type SchemaChangeRule,
} from './integration.ts'
import type { ColumnRuleDocument, IntegrationDocument } from './schema.ts'

const MINUTE_MS = 60_000
const MIB = 1024 ** 2

/** Builds the integration; `place` tells where a path of the document is written. */
export function toIntegration(
  document: IntegrationDocument,
  file: string,
  place: (path: readonly PropertyKey[]) => Place,
): LoadedIntegration {
  const { name, source, lake, flush } = document
  return {
    name,
    file,
    kind: 'replicate',
    source: {
      connection: source.connection,
      publication: source.publication ?? `portage_${name}`,
      slot: source.slot ?? `portage_${name}`,
      tables: source.tables,
      maxSnapshotAgeMs: source.max_snapshot_age ?? 15 * MINUTE_MS,
      readers: source.readers ?? 2,
      heartbeatMs: source.heartbeat ?? MINUTE_MS,
    },
    lake: {
      connection: lake.connection,
      prefix: lake.prefix ?? 'raw',
      format: lake.format ?? 'parquet',
      compression: lake.compression ?? 'zstd',
      targetFileBytes: lake.target_file ?? 256 * MIB,
    },
    flush: {
      intervalMs: flush?.interval ?? 5000,
      rows: flush?.rows ?? 500_000,
      bytes: flush?.bytes ?? 64 * MIB,
      filesPerHour: flush?.files_per_hour === 'unlimited' ? 0 : (flush?.files_per_hour ?? 20_000),
    },
    register: (document.register ?? []).map((target) => ({
      connection: target.connection,
      schema: target.schema ?? target.database ?? name,
      everyMs: target.every ?? MINUTE_MS,
      ...(target.format === undefined ? {} : { format: target.format }),
    })),
    onBadValue: document.on_bad_value ?? 'error',
    columns: columnRules(document, place),
    rows: Object.entries(document.tables ?? {}).flatMap(([pattern, { where }]) =>
      where === undefined ? [] : [{ pattern, at: place(['tables', pattern, 'where']), where }],
    ),
    schemaChanges: schemaChangeRules(document, place),
    reconcile: document.reconcile === undefined ? null : { everyMs: document.reconcile.every },
    retention: retentionOf(document.retention),
    notify: (document.notify ?? []).map(({ connection, on }) => ({
      connection,
      on: on ?? ['failure', 'held', 'lag', 'rejects'],
    })),
    schedule:
      document.schedule === undefined
        ? null
        : {
            cron: document.schedule.cron,
            retries: document.schedule.retries ?? 0,
            waitForTrigger: document.schedule.wait_for?.trigger ?? null,
          },
  }
}

/** Choices for tables first, as wider patterns; choices for columns win over them. */
function columnRules(document: IntegrationDocument, place: (path: readonly PropertyKey[]) => Place): readonly ColumnRule[] {
  const rules: ColumnRule[] = []
  for (const [table, choice] of Object.entries(document.tables ?? {})) {
    if (choice.on_bad_value !== undefined) {
      const at = place(['tables', table, 'on_bad_value'])
      rules.push({ pattern: `${table}.*`, at, onBadValue: choice.on_bad_value, optional: false })
    }
    for (const [column, rule] of Object.entries(choice.columns ?? {})) {
      rules.push(columnRule(`${table}.${column}`, rule, place(['tables', table, 'columns', column])))
    }
  }
  for (const [pattern, rule] of Object.entries(document.columns ?? {})) {
    rules.push(columnRule(pattern, rule, place(['columns', pattern])))
  }
  return rules
}

function columnRule(pattern: string, rule: ColumnRuleDocument, at: Place): ColumnRule {
  return {
    pattern,
    at,
    optional: pattern.includes('*') && rule.mask === undefined && rule.exclude === undefined,
    ...(rule.on_bad_value === undefined ? {} : { onBadValue: rule.on_bad_value }),
    ...(rule.type === undefined ? {} : { type: rule.type }),
    ...(rule.mask === undefined ? {} : { mask: maskOf(rule.mask) }),
    ...(rule.exclude === undefined ? {} : { exclude: rule.exclude }),
    ...(rule.rename === undefined ? {} : { rename: rule.rename }),
  }
}

function maskOf(mask: NonNullable<ColumnRuleDocument['mask']>): Mask {
  if (mask === 'null' || mask === 'none') return { kind: mask }
  if ('hmac_sha256' in mask) return { kind: 'hmac_sha256', key: mask.hmac_sha256 }
  if ('fixed' in mask) return { kind: 'fixed', text: mask.fixed }
  return { kind: 'partial', keepLast: mask.partial.keep_last }
}

/** For all tables first, so that choices for single tables win. */
function schemaChangeRules(
  document: IntegrationDocument,
  place: (path: readonly PropertyKey[]) => Place,
): readonly SchemaChangeRule[] {
  const rules = (pattern: string, changes: IntegrationDocument['schema_changes'], path: readonly PropertyKey[]) =>
    SCHEMA_CHANGE_KINDS.flatMap((kind) => {
      const policy = changes?.[kind]
      return policy === undefined ? [] : [{ pattern, kind, policy, at: place([...path, 'schema_changes', kind]) }]
    })
  const ofTables = Object.entries(document.tables ?? {}).flatMap(([table, choice]) =>
    rules(table, choice.schema_changes, ['tables', table]),
  )
  return [...rules('*.*', document.schema_changes, []), ...ofTables]
}

function retentionOf(document: IntegrationDocument['retention']): LoadedIntegration['retention'] {
  if (document === undefined) return null
  return { changesMs: document.changes, despiteReaders: document.despite_readers ?? false }
}
