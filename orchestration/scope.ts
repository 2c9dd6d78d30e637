/** What an integration wants of its source, as the source port takes it. */
import type { ColumnRule, LoadedIntegration } from '../config/integration.ts'
import { resolveColumnRules } from '../config/patterns.ts'
import { ConfigurationError, type ConfigurationProblem, didYouMean } from '../config/problems.ts'
import type { LogicalType } from '../connectors/logical-type.ts'
import type { ColumnOptions, Source, SourceScope } from '../connectors/ports.ts'
import type { Opener } from './open.ts'
import { policyProblems, policyRules } from './policies.ts'

/** The scope without choices for single columns. */
export function scopeOf(integration: LoadedIntegration, columns: ReadonlyMap<string, ColumnOptions> = new Map()): SourceScope {
  const { source, name, onBadValue } = integration
  return {
    integration: name,
    publication: source.publication,
    slot: source.slot,
    tables: source.tables,
    onBadValue,
    columns,
    maxSnapshotAgeMs: source.maxSnapshotAgeMs,
  }
}

/**
 * Opens an integration's source. Column patterns are resolved against the columns that exist, which takes a look at the
 * catalogue first. Throws `ConfigurationError` for a rule that names no column.
 */
export async function openSourceOf(integration: LoadedIntegration, opener: Opener, signal: AbortSignal): Promise<Source> {
  const connection = integration.source.connection
  if (integration.columns.length === 0 && integration.rows.length === 0) return opener.source(connection, scopeOf(integration))
  await using plain = await opener.source(connection, scopeOf(integration))
  const discovered = await plain.discover(signal)
  const names = discovered.flatMap(({ table, columns }) => columns.map(({ name }) => `${table}.${name}`))
  const { columns, problems } = columnOptions(integration.columns, names)
  const unruly = policyProblems(integration, policyRules(integration, opener), discovered)
  if (problems.length + unruly.length > 0) throw new ConfigurationError([...problems, ...unruly])
  return opener.source(connection, scopeOf(integration, columns))
}

/** Rules applied to the columns that exist, keyed `schema.table.column`. Pure. */
export function columnOptions(
  rules: readonly ColumnRule[],
  names: readonly string[],
): { readonly columns: ReadonlyMap<string, ColumnOptions>; readonly problems: readonly ConfigurationProblem[] } {
  const { columns, unmatched } = resolveColumnRules(rules, names)
  const options = new Map<string, ColumnOptions>()
  for (const [name, { type, onBadValue, exclude, mask }] of columns) {
    // A value that nobody will see must not stop anything.
    const unseen = exclude === true || mask?.kind === 'null'
    const policy = unseen ? 'null' : onBadValue
    options.set(name, {
      ...(type === undefined ? {} : { type: logicalType(type) }),
      ...(policy === undefined ? {} : { onBadValue: policy }),
    })
  }
  const problems = unmatched.map(({ pattern, at }) => ({
    ...at,
    problem: `"${pattern}" names no column of the tables of this integration${didYouMean(pattern, names)}`,
  }))
  return { columns: options, problems }
}

/** `text`, `hex`, `decimal(18,4)`: the types a column may be carried as. */
function logicalType(type: string): LogicalType {
  const decimal = /^decimal\((\d+), ?(\d+)\)$/.exec(type)
  if (decimal !== null) return { kind: 'decimal', precision: Number(decimal[1]), scale: Number(decimal[2]) }
  return { kind: 'utf8', format: type === 'hex' ? 'hex' : 'text' }
}
