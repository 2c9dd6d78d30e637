/** Everything that an engine needs to answer a view, as one script over the tables' changes. Pure. */
import { definitionHash } from '../canonical.ts'
import type { FeatureView } from '../definition.ts'
import { asofFunction } from './asof.ts'
import type { SqlDialect } from './dialect.ts'
import { historySql } from './history.ts'

/**
 * Views `<source>_history` over relations `<table>_changes` (as the warehouses show them), then `<view>__asof(as_of_ms,
 * known_position)`.
 */
export function sqlScript(dialect: SqlDialect, view: FeatureView): string {
  const history = (source: string) => dialect.identifier(`${source}_history`)
  const histories = Object.entries(view.sources).map(([source, { table }]) => {
    const changes = dialect.identifier(`${table.slice(table.lastIndexOf('.') + 1)}_changes`)
    return `create or replace view ${history(source)} as\n${historySql(dialect, { view, source, changes })};`
  })
  const head = `-- ${view.name} version ${view.version}, definition ${definitionHash(view)}`
  return `${[head, ...histories, `${asofFunction(dialect, { view, history })};`].join('\n\n')}\n`
}
