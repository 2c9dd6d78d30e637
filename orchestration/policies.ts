/** The column policies and row filters of an integration's YAML, as capture takes them. */
import type { LoadedIntegration } from '../config/integration.ts'
import { matchesPattern, resolveColumnRules } from '../config/patterns.ts'
import { ConfigurationError, type ConfigurationProblem } from '../config/problems.ts'
import type { SourceTable } from '../connectors/change.ts'
import { ConnectorError } from '../connectors/errors.ts'
import { parseFilter } from '../integrations/capture/policies/filter-parse.ts'
import { governTable } from '../integrations/capture/policies/govern-table.ts'
import { type Mask, maskName } from '../integrations/capture/policies/mask.ts'
import type { ColumnPolicy, PolicyRules } from '../integrations/capture/policies/rules.ts'
import type { Opener } from './open.ts'

/** An HMAC key that can be guessed hides nothing. */
const MIN_KEY_CHARACTERS = 16

/** Resolves keys and reads filters. Throws `ConfigurationError` with every place in the YAML that is wrong. */
export function policyRules(integration: LoadedIntegration, opener: Pick<Opener, 'secret'>): PolicyRules {
  const problems: ConfigurationProblem[] = []
  const masks = new Map<LoadedIntegration['columns'][number], Mask | 'none'>()
  for (const rule of integration.columns) {
    if (rule.mask === undefined) continue
    if (rule.mask.kind === 'none') masks.set(rule, 'none')
    else if (rule.mask.kind !== 'hmac_sha256') masks.set(rule, rule.mask)
    else {
      const key = opener.secret(rule.mask.key, rule.at)
      masks.set(rule, { kind: 'hmac_sha256', key })
      if (key.length < MIN_KEY_CHARACTERS) {
        const found = `the key of the mask has ${key.length} characters; expected at least ${MIN_KEY_CHARACTERS}, such as the output of "openssl rand -hex 32"`
        problems.push({ ...rule.at, problem: found })
      }
    }
  }
  const filters = integration.rows.map(({ pattern, at, where }) => {
    const parsed = parseFilter(where)
    if ('problem' in parsed) problems.push({ ...at, problem: parsed.problem })
    return { pattern, text: where, parsed }
  })
  if (problems.length > 0) throw new ConfigurationError(problems)

  const policyOf = (name: string): ColumnPolicy | null => {
    const matching = integration.columns.filter(({ pattern }) => matchesPattern(pattern, name))
    const { exclude, rename } = resolveColumnRules(matching, [name]).columns.get(name) ?? {}
    const masking = matching.findLast((rule) => masks.has(rule))
    const mask = masking === undefined ? undefined : masks.get(masking)
    if (exclude === undefined && rename === undefined && mask === undefined) return null
    return {
      ...(exclude === undefined ? {} : { exclude }),
      ...(rename === undefined ? {} : { rename }),
      ...(mask === undefined ? {} : { mask }),
    }
  }
  const all = [...masks.values()].filter((mask) => mask !== 'none')
  return {
    column: (table, column) => policyOf(`${table}.${column}`),
    filter: (table) => {
      const found = filters.findLast(({ pattern }) => matchesPattern(pattern, table))
      return found === undefined || 'problem' in found.parsed ? null : { text: found.text, filter: found.parsed.filter }
    },
    masks: [...new Map(all.map((mask) => [maskName(mask), mask])).values()],
  }
}

/** What the rules cannot do with the tables that exist; filters that name no table are among it. */
export function policyProblems(
  integration: LoadedIntegration,
  rules: PolicyRules,
  tables: readonly SourceTable[],
): readonly ConfigurationProblem[] {
  const problems: ConfigurationProblem[] = []
  for (const table of tables) {
    try {
      governTable(table, rules)
    } catch (error) {
      if (!(error instanceof ConnectorError) || error.code !== 'CONFIGURATION') throw error
      problems.push({ file: integration.file, line: 1, path: 'columns', problem: error.message })
    }
  }
  for (const { pattern, at } of integration.rows) {
    if (pattern.includes('*') || tables.some(({ table }) => matchesPattern(pattern, table))) continue
    problems.push({ ...at, problem: `"${pattern}" names no table of this integration` })
  }
  return problems
}
