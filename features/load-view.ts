/** Accepts a feature view from outside (canonical JSON of any language, or the builder): shape first, then meaning. */
import { z } from 'zod'
import {
  type Aggregate,
  aggregatesOf,
  type ColumnType,
  type FeatureView,
  isNullable,
  type Literal,
  type Predicate,
  type Rows,
  unitOf,
  VIEW_FORMAT,
} from './definition.ts'
import { zoneOffsetMs } from './instant.ts'

/** A definition that is refused, with every problem as `path: problem`. */
export class DefinitionError extends Error {
  override readonly name = 'DefinitionError'
  readonly problems: readonly string[]

  constructor(view: string, problems: readonly string[]) {
    const count = problems.length === 1 ? '1 problem' : `${problems.length} problems`
    super(`Feature view "${view}" has ${count}:\n${problems.map((problem) => `  ${problem}`).join('\n')}`)
    this.problems = problems
  }
}

/** Names become SQL relations and JSON keys. */
const NAME = z.string().regex(/^[a-z_][a-z0-9_]{0,62}$/i, 'expected a name of letters, digits and _')
const columnTypeShape: z.ZodType<ColumnType> = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('id') }),
  z.strictObject({ kind: z.literal('text'), values: z.array(z.string()).readonly().exactOptional() }),
  z.strictObject({ kind: z.literal('boolean') }),
  z.strictObject({ kind: z.literal('integer') }),
  z.strictObject({
    kind: z.literal('money'),
    currency: z.string().regex(/^[A-Z]{3}$/, 'expected three capital letters'),
    scale: z.int().min(0).max(18),
  }),
  z.strictObject({ kind: z.literal('instant'), zone: z.string() }),
])
const literalShape: z.ZodType<Literal> = z.union([z.string(), z.number(), z.boolean()])
const predicateShape: z.ZodType<Predicate> = z.discriminatedUnion('op', [
  z.strictObject({ column: z.string(), op: z.enum(['in', 'notIn']), values: z.array(literalShape).min(1).readonly() }),
  z.strictObject({ column: z.string(), op: z.enum(['lt', 'le', 'gt', 'ge']), value: literalShape }),
  z.strictObject({ column: z.string(), op: z.enum(['isNull', 'notNull']) }),
])
const rowsShape: z.ZodType<Rows> = z.lazy(() =>
  z.strictObject({
    rows: z.string(),
    where: z.array(predicateShape).readonly(),
    happened: z.boolean(),
    withinMs: z.int().positive().nullable(),
    of: rowsShape.nullable(),
  }),
)
const aggregateShape: z.ZodType<Aggregate> = z.discriminatedUnion('aggregate', [
  z.strictObject({ aggregate: z.literal('count'), of: rowsShape }),
  z.strictObject({ aggregate: z.enum(['sum', 'min', 'max', 'last', 'distinct']), of: rowsShape, column: z.string() }),
])
const ratioShape = z.strictObject({
  ratio: z.strictObject({ numerator: aggregateShape, denominator: aggregateShape, whenZero: z.number().nullable() }),
})
const elapsedShape = z.strictObject({ elapsedDays: z.strictObject({ since: aggregateShape }) })
const viewShape: z.ZodType<FeatureView> = z.strictObject({
  format: z.literal(VIEW_FORMAT),
  name: NAME,
  version: z.int().positive(),
  owner: z.string().min(1),
  entity: z.strictObject({ name: NAME, table: z.string().min(1) }),
  sources: z.record(
    NAME,
    z.strictObject({
      table: z.string().min(1),
      key: z.array(z.string()).min(1).readonly(),
      columns: z.record(z.string(), columnTypeShape),
      parent: z.string().nullable(),
      link: z.string(),
      effective: z.string().nullable(),
    }),
  ),
  features: z
    .array(
      z.strictObject({
        name: z.string().regex(/^[a-z_][a-z0-9_.]{0,62}$/i, 'expected a name of letters, digits, _ and .'),
        value: z.union([aggregateShape, ratioShape, elapsedShape]),
      }),
    )
    .min(1)
    .readonly(),
  nulls: z.record(z.string(), z.string().min(1)),
})

/** A checked view. Throws `DefinitionError` with all problems. */
export function loadView(input: unknown): FeatureView {
  const name = typeof input === 'object' && input !== null && 'name' in input ? String(input.name) : '(unnamed)'
  const parsed = viewShape.safeParse(input)
  if (!parsed.success) {
    throw new DefinitionError(
      name,
      parsed.error.issues.map((issue) => `${issue.path.map(String).join('.') || 'view'}: ${issue.message}`),
    )
  }
  const problems = [...sourceProblems(parsed.data), ...featureProblems(parsed.data)]
  if (problems.length > 0) throw new DefinitionError(name, problems)
  return parsed.data
}

function sourceProblems(view: FeatureView): readonly string[] {
  const problems: string[] = []
  const tables = new Map<string, string>()
  for (const [name, source] of Object.entries(view.sources)) {
    const say = (problem: string) => problems.push(`sources.${name}: ${problem}`)
    const other = tables.get(source.table)
    if (other !== undefined) say(`table "${source.table}" is already the table of source "${other}"`)
    tables.set(source.table, name)
    for (const column of source.key) {
      if (source.columns[column]?.kind !== 'id') say(`key column "${column}" must be a column of kind id`)
    }
    if (source.columns[source.link]?.kind !== 'id') say(`link "${source.link}" must be a column of kind id`)
    if (source.effective !== null && source.columns[source.effective]?.kind !== 'instant') {
      say(`effective "${source.effective}" must be a column of kind instant`)
    }
    for (const [column, type] of Object.entries(source.columns)) {
      if (type.kind === 'instant' && zoneOffsetMs(type.zone) === null) {
        say(`column "${column}" has zone "${type.zone}": expected UTC or an offset such as +02:00`)
      }
    }
    if (source.parent === null) continue
    const parent = view.sources[source.parent]
    if (parent === undefined) say(`parent "${source.parent}" is not a source of this view`)
    else if (parent.key.length > 1) say(`parent "${source.parent}" has a key of several columns; a link is one column`)
    else if (descendsFromItself(view, name)) say('is its own ancestor')
  }
  return problems
}

function descendsFromItself(view: FeatureView, name: string): boolean {
  const seen = new Set<string>()
  for (let at: string | null = name; at !== null; at = view.sources[at]?.parent ?? null) {
    if (seen.has(at)) return true
    seen.add(at)
  }
  return false
}

function featureProblems(view: FeatureView): readonly string[] {
  const problems: string[] = []
  const names = new Set<string>()
  for (const { name, value } of view.features) {
    const say = (problem: string) => problems.push(`features.${name}: ${problem}`)
    if (names.has(name)) say('is defined twice')
    names.add(name)
    const parts = aggregatesOf(value)
    for (const [part, aggregate] of parts) {
      for (const problem of aggregateProblems(view, aggregate)) say(part === 'value' ? problem : `${part}: ${problem}`)
    }
    if (problems.length > 0) continue
    const units = parts.map(([, aggregate]) => unitOf(view, aggregate))
    if ('elapsedDays' in value && units[0] !== 'instant') say(`elapsed days need an instant, found ${units[0]}`)
    if ('ratio' in value) {
      const summed = parts.every(([, { aggregate }]) => ['count', 'sum', 'distinct'].includes(aggregate))
      if (!summed) say('a ratio divides counts and sums only')
      if (units[0] !== units[1]) say(`a ratio needs one unit, found ${units[0]} and ${units[1]}`)
    }
    if (isNullable(value) && !(name in view.nulls)) say('can be null: say in `nulls` what null means')
    if (!isNullable(value) && name in view.nulls) say('is never null: take it out of `nulls`')
  }
  for (const name of Object.keys(view.nulls)) {
    if (!names.has(name)) problems.push(`nulls.${name}: there is no such feature`)
  }
  return problems
}

function aggregateProblems(view: FeatureView, aggregate: Aggregate): readonly string[] {
  const problems = [...rowsProblems(view, aggregate.of)]
  if (aggregate.aggregate === 'count' || problems.length > 0) return problems
  const source = view.sources[aggregate.of.rows]
  const kind = source?.columns[aggregate.column]?.kind
  if (kind === undefined) return [`source "${aggregate.of.rows}" has no column "${aggregate.column}"`]
  const allowed: Readonly<Record<string, readonly string[]>> = { sum: ['integer', 'money'], min: ORDERED, max: ORDERED }
  const kinds = allowed[aggregate.aggregate]
  if (kinds !== undefined && !kinds.includes(kind))
    problems.push(`${aggregate.aggregate} of ${kind}: expected ${kinds.join(', ')}`)
  if (aggregate.aggregate === 'last' && source?.effective === null) {
    problems.push(`last needs an effective time: source "${aggregate.of.rows}" has none`)
  }
  return problems
}

const ORDERED = ['integer', 'money', 'instant']

function rowsProblems(view: FeatureView, rows: Rows): readonly string[] {
  const source = view.sources[rows.rows]
  if (source === undefined) return [`"${rows.rows}" is not a source of this view`]
  const problems = rows.where.flatMap((predicate) => predicateProblems(rows.rows, source.columns[predicate.column], predicate))
  if ((rows.happened || rows.withinMs !== null) && source.effective === null) {
    problems.push(`source "${rows.rows}" has no effective time: a window needs one`)
  }
  if (rows.of === null) return problems
  if (rows.of.rows !== source.parent) {
    return [...problems, `rows of "${rows.rows}" cannot be restricted to rows of "${rows.of.rows}": that is not their parent`]
  }
  return [...problems, ...rowsProblems(view, rows.of)]
}

function predicateProblems(source: string, type: ColumnType | undefined, predicate: Predicate): readonly string[] {
  const subject = `"${source}.${predicate.column}"`
  if (type === undefined) return [`source "${source}" has no column "${predicate.column}"`]
  const literals = 'values' in predicate ? predicate.values : 'value' in predicate ? [predicate.value] : []
  const problems: string[] = []
  if ('value' in predicate && !ORDERED.includes(type.kind)) problems.push(`${subject} is ${type.kind}: it has no order`)
  for (const literal of literals) {
    if (type.kind === 'boolean' ? typeof literal !== 'boolean' : typeof literal !== 'string') {
      problems.push(`${subject} is ${type.kind}: cannot be compared with a ${typeof literal}`)
    } else if (ORDERED.includes(type.kind) && !/^(0|-?[1-9]\d*)$/.test(String(literal))) {
      problems.push(`${subject} is ${type.kind}: expected an integer as text`)
    } else if (type.kind === 'text' && type.values !== undefined && !type.values.includes(String(literal))) {
      problems.push(`${subject} is never "${literal}": expected ${type.values.join(', ')}`)
    }
  }
  return problems
}
