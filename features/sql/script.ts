/** Everything that an engine needs to answer a view, as one script over the tables' changes. Pure. */
import { definitionHash } from '../canonical.ts'
import type { FeatureView } from '../definition.ts'
import { asofFunction } from './asof.ts'
import type { SqlDialect } from './dialect.ts'
import { historySql } from './history.ts'
import { fullMart, incrementalMart } from './mart.ts'

export const SCRIPT_KINDS = ['history', 'asof', 'mart', 'incremental'] as const

/**
 * `history`: views `<source>_history` over relations `<table>_changes`, as the warehouses show them. `asof`: the function
 * `<view>__asof(as_of_ms, known_position)` over them. `mart`: a `select` of all entities at `:as_of_ms`, `:known_position`;
 * `incremental`: statements that bring a table `<view>` of such rows there from `:previous_as_of_ms`, `:previous_position`.
 */
export type ScriptKind = (typeof SCRIPT_KINDS)[number]

/** Statements end in semicolons. Default: history and asof. */
export function sqlScript(dialect: SqlDialect, view: FeatureView, kinds: readonly ScriptKind[] = ['history', 'asof']): string {
  const head = `-- ${view.name} version ${view.version}, definition ${definitionHash(view)}`
  const statements = kinds.flatMap((kind) => statementsOf(dialect, view, kind))
  return `${[head, ...statements.map((statement) => `${statement};`)].join('\n\n')}\n`
}

function statementsOf(dialect: SqlDialect, view: FeatureView, kind: ScriptKind): readonly string[] {
  const history = (source: string) => dialect.identifier(`${source}_history`)
  const moment = (when: string) => ({ asOfMs: `cast(:${when}as_of_ms as ${dialect.bigint})`, position: `:${when}position` })
  const to = { ...moment(''), position: ':known_position' }
  switch (kind) {
    case 'history':
      return Object.entries(view.sources).map(([source, { table }]) => {
        const changes = dialect.identifier(`${table.slice(table.lastIndexOf('.') + 1)}_changes`)
        return `create or replace view ${history(source)} as\n${historySql(dialect, { view, source, changes })}`
      })
    case 'asof':
      return [asofFunction(dialect, { view, history })]
    case 'mart':
      return [fullMart(dialect, { view, history }, to)]
    case 'incremental': {
      const mart = dialect.identifier(view.name)
      const affected = dialect.identifier(`${view.name}__affected`)
      return incrementalMart(dialect, { view, history, mart }, { from: moment('previous_'), to, affected })
    }
    default:
      return kind satisfies never
  }
}
