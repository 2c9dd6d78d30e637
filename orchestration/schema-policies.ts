/** What an integration's YAML says about changes of shape, as capture and plans take it. */
import type { LoadedIntegration, SchemaChangeKind } from '../config/integration.ts'
import { matchesPattern } from '../config/patterns.ts'
import { DEFAULT_POLICIES, type SchemaPolicies } from '../integrations/register/schema-policy.ts'

/** The last rule that names the table wins, else the kind's default. Pure. */
export function schemaPolicies({ schemaChanges, file }: Pick<LoadedIntegration, 'schemaChanges' | 'file'>): SchemaPolicies {
  return (table, kind) => {
    const rule = schemaChanges.findLast((each) => each.kind === kind && matchesPattern(each.pattern, table))
    if (rule !== undefined) return { policy: rule.policy, setting: `${rule.at.path} in ${rule.at.file}:${rule.at.line}` }
    return { policy: DEFAULT_POLICIES[kind satisfies SchemaChangeKind], setting: `default of schema_changes.${kind} in ${file}` }
  }
}
