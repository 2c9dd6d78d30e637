/** From a statement's names to relations: what it needs is prepared first, then binding asks only what is known. I/O in `prepare`. */
import type { Query, StagePath } from './ast.ts'
import { castTo } from './bind/cast.ts'
import { bindExpression } from './bind/expression.ts'
import { bindQuery } from './bind/query.ts'
import { type BindContext, emptyScope, type RelationSource } from './bind/scope.ts'
import { type Bound, bound } from './bind/value.ts'
import type { Access } from './catalogue/access.ts'
import { type Here, type Names, namesOf } from './catalogue/names.ts'
import { type ExternalTable, type Policy, qualifiedName, type Relation, type View } from './catalogue/objects.ts'
import { invalidParameter } from './errors.ts'
import { type InferredSchemas, inferred, prepareInference } from './external/infer-schema.ts'
import { externalRelation, type FileGroup } from './external/scan.ts'
import { type Run, registryOf } from './run.ts'
import { formatsOf } from './session-state.ts'
import { sessionValue } from './session-values.ts'
import { informationSchema } from './show/information-schema.ts'
import { tableFunctions } from './show/table-functions.ts'
import { BOOLEAN, duckType } from './types.ts'

/** Everything that the tree's names may mean is fetched; the context answers from that. */
export async function contextFor(run: Run, ...trees: readonly unknown[]): Promise<BindContext> {
  const groups = new Map<ExternalTable, readonly FileGroup[]>()
  const inference: InferredSchemas = new Map()
  await prepare(run, run.names, trees, groups, inference, 0)
  let last = 0
  const next = (): number => {
    last += 1
    return last
  }
  return contextIn(run, run.names, run.access, { groups, inference, next })
}

type Known = {
  readonly groups: ReadonlyMap<ExternalTable, readonly FileGroup[]>
  readonly inference: InferredSchemas
  readonly next: () => number
}

const MOST_VIEWS = 50

/** Walks over the tree for names of relations; those of views are followed into their queries. */
async function prepare(
  run: Run,
  names: Names,
  tree: unknown,
  groups: Map<ExternalTable, readonly FileGroup[]>,
  inference: InferredSchemas,
  depth: number,
): Promise<void> {
  if (depth > MOST_VIEWS) throw invalidParameter('views are nested too deeply')
  for (const node of nodesOf(tree)) {
    if (node.kind === 'function') await prepareInference(run, node, inference)
    if (node.kind !== 'table' || node.name === undefined) continue
    const found = quiet(() => names.relationOrNull(node.name as Parameters<Names['relation']>[0]))
    if (found?.kind === 'EXTERNAL TABLE' && !groups.has(found)) {
      groups.set(found, [])
      if (found.invalid === null)
        groups.set(found, await run.engine.files.prepare(found, registryOf(run, found), run.connection, run.signal))
      await prepare(run, names, policiesOf(found), groups, inference, depth + 1)
    }
    if (found?.kind === 'VIEW') await prepare(run, viewNames(run, found), found.query, groups, inference, depth + 1)
  }
}

const policiesOf = (relation: Relation): readonly unknown[] => [
  relation.rowPolicy?.body,
  ...relation.columns.map(({ mask }) => mask?.body),
]

type Node = { readonly kind: string; readonly name?: unknown; readonly call?: unknown }

function* nodesOf(tree: unknown): Generator<Node> {
  if (typeof tree !== 'object' || tree === null) return
  if (Array.isArray(tree)) {
    for (const item of tree) yield* nodesOf(item)
    return
  }
  if (tree instanceof Map) {
    for (const item of tree.values()) yield* nodesOf(item)
    return
  }
  if ('kind' in tree && typeof tree.kind === 'string') yield tree as Node
  for (const item of Object.values(tree)) yield* nodesOf(item)
}

function quiet<T>(work: () => T): T | null {
  try {
    return work()
  } catch {
    return null
  }
}

/** A view's names mean what they mean where it lies, to its owner. */
const viewPlace = (view: View): Here => ({ database: view.schema.database.name, schema: view.schema.name })
const viewNames = (run: Run, view: View): Names => namesOf(run.engine.account, viewPlace(view), run.access.as(view.owner))

function contextIn(run: Run, names: Names, access: Access, known: Known): BindContext {
  const context: BindContext = {
    formats: formatsOf(run.session.parameters),
    bindings: run.bindings,
    now: run.now,
    next: known.next,
    sessionValue: (name) => sessionValue(run, name),
    relation: (name) => {
      const system = informationSchema(run, names, access, name)
      if (system !== null) return system
      const found = names.relation(name)
      access.demand(found, 'SELECT')
      return guarded(found, plainRelation(run, found, known, context), context)
    },
    tableFunction: (name, named, positional) =>
      name === 'INFER_SCHEMA' ? inferred(named, known.inference) : tableFunctions(run, names, access, name, named, positional),
    stage: (path: StagePath) => {
      throw invalidParameter(`files of stage '${path.name.parts.at(-1)?.text}' cannot be queried without an external table here`)
    },
  }
  return context
}

function plainRelation(run: Run, found: Relation, known: Known, context: BindContext): RelationSource {
  const path = qualifiedName(found).split('.')
  switch (found.kind) {
    case 'TABLE':
      return {
        sql: found.duck,
        path,
        columns: found.columns.map(({ name, type, nullable, duck }) => ({
          name,
          value: bound(duck, type, nullable),
          hidden: false,
          column: duck,
        })),
      }
    case 'EXTERNAL TABLE': {
      if (found.invalid !== null)
        throw invalidParameter(`External table '${qualifiedName(found)}' is marked invalid. ${found.invalid}`)
      return externalRelation(found, known.groups.get(found) ?? [], context)
    }
    case 'VIEW': {
      const owner = run.access.as(found.owner)
      const inner = contextIn(run, namesOf(run.engine.account, viewPlace(found), owner), owner, known)
      const made = bindQuery(found.query, emptyScope(inner))
      if (made.columns.length !== found.columns.length) {
        throw invalidParameter(
          `View definition for '${qualifiedName(found)}' declared ${found.columns.length} column(s), but view query produces ${made.columns.length} column(s).`,
        )
      }
      return {
        sql: `(${made.sql})`,
        path,
        columns: made.columns.map(({ value }, index) => ({
          name: found.columns[index]?.name ?? '',
          value,
          hidden: false,
          column: `c${index}`,
        })),
      }
    }
    default:
      return found satisfies never
  }
}

/** Masking and row access policies, whose bodies see the session that asks. */
function guarded(relation: Relation, source: RelationSource, context: BindContext): RelationSource {
  const masks = new Map(relation.columns.flatMap(({ name, mask }) => (mask === null ? [] : [[name, mask] as const])))
  if (masks.size === 0 && relation.rowPolicy === null) return source
  const alias = `p${context.next()}`
  const own = source.columns.map((column) => ({ ...column, value: { ...column.value, sql: `${alias}.${column.column}` } }))
  const list = own.map((column, index) => {
    const mask = masks.get(column.name)
    const sql =
      mask === undefined
        ? column.value.sql
        : `CAST(${bodyOf(mask, [column.value], context).sql} AS ${duckType(column.value.type)})`
    return `${sql} AS c${index}`
  })
  const policed = relation.rowPolicy
  const inputs =
    policed === null
      ? []
      : (rowPolicyColumns.get(relation) ?? []).map(
          (name) => own.find((column) => column.name === name)?.value ?? bound('NULL', { kind: 'null' }),
        )
  const where =
    policed === null
      ? ''
      : ` WHERE ${castTo(bodyOf(policed, inputs, context), BOOLEAN, { at: policed.body.at, formats: context.formats }).sql}`
  return {
    sql: `(SELECT ${list.join(', ')} FROM ${source.sql} ${alias}${where})`,
    path: source.path,
    columns: source.columns.map((column, index) => ({
      ...column,
      value: { ...column.value, sql: `c${index}` },
      column: `c${index}`,
    })),
  }
}

/** Which columns a relation's row access policy looks at. */
export const rowPolicyColumns = new WeakMap<Relation, readonly string[]>()

function bodyOf(policy: Policy, inputs: readonly Bound[], context: BindContext): Bound {
  const columns = policy.parameters.map((name, index) => ({
    name,
    value: inputs[index] ?? bound('NULL', { kind: 'null' }),
    hidden: false,
  }))
  return bindExpression(policy.body, { ...emptyScope(context), relations: [{ alias: null, path: [], columns }] })
}

/** A query bound for this run. */
export async function boundQuery(run: Run, query: Query) {
  const context = await contextFor(run, query)
  return bindQuery(query, emptyScope(context))
}
