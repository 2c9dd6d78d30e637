/**
 * A mart of current values that is brought up to date without computing every entity again: what has to be computed are the
 * entities whose rows changed, and those for which time alone crossed something (an effective time, the end of a window, a
 * full day since an instant). Leaving out the second kind is wrong for many entities every day.
 */
import { aggregatesOf, type FeatureView, pathTo, type Rows } from '../definition.ts'
import { DAY_MS } from '../evaluate.ts'
import { type AsofRequest, asofSql, everyOwner, isCurrent, type Moment, predicateSql } from './asof.ts'
import { floorQuotient, type SqlDialect } from './dialect.ts'

export type MartRequest = Pick<AsofRequest, 'view' | 'history'> & { readonly mart: string }

/** All entities at a moment, as a `select`: what the mart holds after a full refresh. */
export function fullMart(dialect: SqlDialect, { view, history }: Pick<MartRequest, 'view' | 'history'>, at: Moment): string {
  return asofSql(dialect, { view, history, spine: everyOwner(dialect, { view, history }, at) })
}

/**
 * Statements that bring a mart from one moment to a later one, in one transaction. `as_of_ms` of an entity is when it was last
 * computed; its values are those of the later moment. `affected` is a table of its own for the time of the statements.
 */
export function incrementalMart(
  dialect: SqlDialect,
  { view, history, mart }: MartRequest,
  { from, to, affected }: { readonly from: Moment; readonly to: Moment; readonly affected: string },
): readonly string[] {
  const owners = everyOwner(dialect, { view, history }, to)
  const spine = `select * from (\n${owners}\n) every_owner where entity in (select entity from ${affected})`
  return [
    `create table ${affected} as\n${affectedEntities(dialect, { view, history }, { from, to })}`,
    `delete from ${mart} where entity in (select entity from ${affected})`,
    `insert into ${mart}\n${asofSql(dialect, { view, history, spine })}`,
    `drop table ${affected}`,
  ]
}

/** Entities whose values can differ between two moments. */
export function affectedEntities(
  dialect: SqlDialect,
  { view, history }: Pick<MartRequest, 'view' | 'history'>,
  { from, to }: { readonly from: Moment; readonly to: Moment },
): string {
  const selects = Object.keys(view.sources).flatMap((source) => {
    const path = pathTo(view, source)
    const lowest = `r${path.length - 1}.`
    const owners = (moment: Moment, condition: string) => {
      const [root = ''] = path
      const { link = '' } = view.sources[root] ?? {}
      const joins = path.map((name, level) => joined(dialect, view, history(name), name, level, moment))
      return `select r0.${dialect.identifier(link)} as entity\n${joins.join('\n')}\nwhere r0.${dialect.identifier(link)} is not null and (${condition})`
    }
    const crossings = crossingsOf(dialect, view, source, lowest, from.asOfMs, to.asOfMs)
    return [
      owners(to, [`${lowest}_from > ${from.position}`, ...crossings].join('\n  or ')),
      owners(from, `${lowest}_to <= ${to.position}`),
    ]
  })
  return selects.join('\nunion\n')
}

function joined(dialect: SqlDialect, view: FeatureView, history: string, source: string, level: number, moment: Moment): string {
  const { link = '', parent = null } = view.sources[source] ?? {}
  const current = isCurrent(`r${level}.`, moment.position)
  // The first relation has nothing to be joined to.
  if (parent === null) return `from (select * from ${history} where ${isCurrent('', moment.position)}) r${level}`
  const key = dialect.identifier(view.sources[parent]?.key[0] ?? '')
  return `join ${history} r${level} on r${level}.${dialect.identifier(link)} = r${level - 1}.${key} and ${current}`
}

/** Conditions under which time alone changes what a row contributes between `t0` (not included) and `t1`. */
function crossingsOf(
  dialect: SqlDialect,
  view: FeatureView,
  source: string,
  alias: string,
  t0: string,
  t1: string,
): readonly string[] {
  const uses = usesOf(view).filter(({ rows }) => rows.rows === source)
  const effective = view.sources[source]?.effective ?? null
  const conditions = new Set<string>()
  if (effective !== null) {
    const time = `${alias}${dialect.identifier(effective)}`
    const between = (shiftMs: number) => `${time} > ${t0} - ${shiftMs} and ${time} <= ${t1} - ${shiftMs}`
    if (uses.some(({ rows, last }) => rows.happened || rows.withinMs !== null || last)) conditions.add(between(0))
    for (const { rows } of uses) if (rows.withinMs !== null) conditions.add(between(rows.withinMs))
  }
  for (const { rows, since } of uses) {
    if (since === null) continue
    const column = `${alias}${dialect.identifier(since)}`
    const daysAt = (time: string) => floorQuotient(dialect, `${time} - ${column}`, DAY_MS)
    const predicates = rows.where.map((predicate) => predicateSql(dialect, view, source, alias.slice(0, -1), predicate))
    conditions.add([...predicates, `${daysAt(t0)} <> ${daysAt(t1)}`].join(' and '))
  }
  return [...conditions].map((condition) => `(${condition})`)
}

type Use = {
  readonly rows: Rows
  readonly last: boolean /** Column whose age is counted in days. */
  readonly since: string | null
}

/** Every set of rows that a feature looks at, those of parents included. */
function usesOf(view: FeatureView): readonly Use[] {
  const uses: Use[] = []
  for (const { value } of view.features) {
    for (const [part, aggregate] of aggregatesOf(value)) {
      const since = part === 'since' && aggregate.aggregate !== 'count' ? aggregate.column : null
      uses.push({ rows: aggregate.of, last: aggregate.aggregate === 'last', since })
      for (let at = aggregate.of.of; at !== null; at = at.of) uses.push({ rows: at, last: false, since: null })
    }
  }
  return uses
}
