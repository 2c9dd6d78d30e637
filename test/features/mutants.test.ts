/**
 * Are the random streams good enough? Every mutant of the definition and of the engine below must give, on one of a fixed
 * sample of streams, another answer than the brute-force evaluator.
 */
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { canonicalJson } from '../../features/canonical.ts'
import type { FeatureView } from '../../features/definition.ts'
import { ROOT } from '../support/sources.ts'
import { type Line, type OracleAnswer, oracle } from './oracle.ts'
import { portfolio } from './portfolio-view.ts'
import { EDGES, redelivered, shuffled } from './streams.ts'

type Modules = {
  readonly openEngine: typeof import('../../features/engine.ts').openEngine
  readonly parseChangeLines: typeof import('../../features/change-lines.ts').parseChangeLines
}

const STREAMS = [...fc.sample(redelivered, { numRuns: 140, seed: 8 }), ...fc.sample(shuffled, { numRuns: 60, seed: 8 })]

/** Asked after each line in turn. */
type Question = { readonly entity: string; readonly asOf: number; readonly answer: OracleAnswer }
let questions: readonly (readonly [lines: readonly Line[], questions: readonly Question[]])[] = []
let directory = ''
let original: Modules

beforeAll(async () => {
  questions = STREAMS.map((lines, stream) => [
    lines,
    lines.map((_, index) => {
      const asOf = EDGES[(stream * 3 + index * 5) % EDGES.length] ?? 0
      const entity = index % 4 === 0 ? 'c2' : 'c1'
      return { entity, asOf, answer: oracle(portfolio, lines.slice(0, index + 1), entity, asOf) }
    }),
  ])
  directory = await mkdtemp(join(tmpdir(), 'portage-mutants-'))
  original = await modules(join(ROOT, 'features'))
})
afterAll(() => rm(directory, { recursive: true, force: true }))

async function modules(folder: string): Promise<Modules> {
  const load = (file: string) => import(/* @vite-ignore */ pathToFileURL(join(folder, file)).href)
  return { ...(await load('engine.ts')), ...(await load('change-lines.ts')) } as Modules
}

/** Whether some stream shows that this is not the definition `portfolio`. */
function isKilled({ openEngine, parseChangeLines }: Modules, view: FeatureView): boolean {
  return questions.some(([lines, asked], stream) => {
    try {
      // Every other stream as if each client were a large one.
      const engine = openEngine(view, stream % 2 === 0 ? {} : { manyRows: -1, tileRows: 1 })
      const { lines: parsed } = parseChangeLines(view, lines.map((line) => JSON.stringify(line)).join('\n'), '')
      return asked.some(({ entity, asOf, answer }, index) => {
        const event = parsed[index]?.event
        if (event) engine.apply([event])
        return canonicalJson(engine.read(entity, asOf)) !== canonicalJson(answer)
      })
    } catch {
      return true
    }
  })
}

test('what is not changed survives', () => {
  expect(isKilled(original, portfolio)).toBe(false)
})

type Node = Record<string, unknown>
type Mutation = readonly [what: string, apply: (node: Node) => Node | null]

/** Applied at every place of the tree where they give something. */
const DEFINITION_MUTATIONS: readonly Mutation[] = [
  ['in ↔ notIn', ({ op, ...rest }) => (op === 'in' ? { ...rest, op: 'notIn' } : op === 'notIn' ? { ...rest, op: 'in' } : null)],
  ['lt ↔ le', ({ op, ...rest }) => (op === 'lt' ? { ...rest, op: 'le' } : null)],
  ['ge ↔ gt', ({ op, ...rest }) => (op === 'ge' ? { ...rest, op: 'gt' } : null)],
  [
    'isNull ↔ notNull',
    ({ op, ...rest }) => (op === 'isNull' ? { ...rest, op: 'notNull' } : op === 'notNull' ? { ...rest, op: 'isNull' } : null),
  ],
  [
    'a predicate less',
    (node) => (Array.isArray(node.where) && node.where.length > 0 ? { ...node, where: node.where.slice(1) } : null),
  ],
  [
    'a window one millisecond longer',
    (node) => (typeof node.withinMs === 'number' ? { ...node, withinMs: node.withinMs + 1 } : null),
  ],
  [
    'a window one millisecond shorter',
    (node) => (typeof node.withinMs === 'number' ? { ...node, withinMs: node.withinMs - 1 } : null),
  ],
  ['no window', (node) => (typeof node.withinMs === 'number' ? { ...node, withinMs: null } : null)],
  ['happened left out', (node) => (node.happened === true ? { ...node, happened: false } : null)],
  [
    'the parents not asked',
    (node) =>
      node.of !== null && typeof node.of === 'object' && 'rows' in node && 'rows' in node.of ? { ...node, of: null } : null,
  ],
  [
    'min ↔ max',
    ({ aggregate, ...rest }) =>
      aggregate === 'min' ? { ...rest, aggregate: 'max' } : aggregate === 'max' ? { ...rest, aggregate: 'min' } : null,
  ],
  ['distinct → count', ({ aggregate, ...rest }) => (aggregate === 'distinct' ? { aggregate: 'count', of: rest.of } : null)],
  [
    'numerator ↔ denominator',
    (node) => ('numerator' in node ? { ...node, numerator: node.denominator, denominator: node.numerator } : null),
  ],
  ['whenZero', (node) => ('whenZero' in node ? { ...node, whenZero: node.whenZero === null ? 0 : null } : null)],
]

/** The tree with the mutation at each place in turn. */
function mutantsOf(tree: unknown, apply: Mutation[1], path = 'features'): readonly (readonly [place: string, tree: unknown])[] {
  if (typeof tree !== 'object' || tree === null) return []
  const below = Object.entries(tree).flatMap(([key, value]) =>
    mutantsOf(value, apply, `${path}.${key}`).map(([place, mutant]) => {
      const copy = Array.isArray(tree) ? tree.with(Number(key), mutant) : { ...tree, [key]: mutant }
      return [place, copy] as const
    }),
  )
  const here = Array.isArray(tree) ? null : apply(tree as Node)
  return here === null ? below : [[path, here], ...below]
}

/** Changes nothing that a stream could show: `last` looks at the time itself. */
const EQUIVALENT = new Set(['happened left out: features.7.value.of', 'happened left out: features.8.value.of'])

describe('a mutant of the definition is killed', () => {
  const mutants = DEFINITION_MUTATIONS.flatMap(([what, apply]) =>
    mutantsOf(portfolio.features, apply).map(([place, features]) => [`${what}: ${place}`, features] as const),
  ).filter(([name]) => !EQUIVALENT.has(name))

  test.each(mutants)('%s', (_, features) => {
    expect(isKilled(original, { ...portfolio, features: features as FeatureView['features'] })).toBe(true)
  })
})

/** File, text, what it becomes. */
const ENGINE_MUTANTS: readonly (readonly [file: string, text: string, becomes: string])[] = [
  ['row-merge.ts', 'if (position <= row.deleted) return false', ''],
  ['row-merge.ts', 'row.position < position)', 'true)'],
  ['row-merge.ts', "(positions[column] ?? '') >= position", 'false'],
  ['row-merge.ts', 'if (value === undefined || ', 'if ('],
  ['row-merge.ts', 'if (row.position > position) return false', ''],
  ['row-merge.ts', "(at <= position ? '' : at)", '(at)'],
  ['row-merge.ts', "(row.positions === null || !row.positions.includes(''))", 'true'],
  ['row-store.ts', 'if (event.position <= source.truncated) return false', ''],
  ['row-store.ts', 'source.truncated = position\n', ''],
  ['row-store.ts', 'row.deleted = position\n', ''],
  ['row-store.ts', 'if (wasThere) place(source, row)', ''],
  ['row-store.ts', 'take(source, row)\n    if (parent === null)', 'if (parent === null)'],
  ['row-store.ts', 'moved.slot = row.slot', ''],
  ['row-store.ts', 'siblings[row.slot] = moved', ''],
  ['row-store.ts', 'value === undefined ? old.values[column] : value', 'value'],
  ['row-store.ts', 'const removed = remove(source, oldKey, event.position)', 'const removed = false'],
  ['scan.ts', 'asOf - at >= 0 && asOf - at < withinMs', 'asOf - at > 0 && asOf - at < withinMs'],
  ['scan.ts', 'asOf - at < withinMs', 'asOf - at <= withinMs'],
  ['scan.ts', "typeof at === 'number' && at <= asOf", "typeof at === 'number' && at < asOf"],
  ['evaluate.ts', 'at > asOf) return', 'at >= asOf) return'],
  ['evaluate.ts', 'Math.floor((asOf', 'Math.ceil((asOf'],
  ['values.ts', 'if (Number.isSafeInteger(next)) return next', 'return next'],
  ['evaluate.ts', 'if (a !== b) return a > b', 'if (a !== b) return a < b'],
  ['evaluate.ts', 'if (order !== 0) return order > 0', 'if (order !== 0) return order < 0'],
  ['evaluate.ts', 'divisor === 0 ? whenZero', 'divisor === 0 ? 0'],
  [
    'scan.ts',
    'for (let at: Rows | null = rows; at !== null; at = at.of)',
    'for (let at: Rows | null = rows; at !== null; at = null)',
  ],
  ['intervals.ts', '<= asOf && asOf <', '< asOf && asOf <'],
  ['intervals.ts', 'asOf < (ends[index] ?? 0)', 'asOf <= (ends[index] ?? 0)'],
  ['intervals.ts', 'Math.max(from, at)', 'at'],
  ['intervals.ts', 'Math.min(to, at + level.withinMs)', 'to'],
  ['intervals.ts', "if (typeof value !== 'number') return false", "if (typeof value !== 'number') return true"],
  ['row-store.ts', 'changed(row)\n      hang(source, row)', 'hang(source, row)'],
  ['row-store.ts', 'hang(source, row)\n      changed(row)', 'hang(source, row)'],
  ['row-store.ts', 'row.parent.key === link', 'true'],
  ['intervals.ts', 'tiles[Math.floor(row.slot / tileRows)] = undefined', ''],
  ['intervals.ts', 'tile * tileRows < rows', 'tile * tileRows < rows - 1'],
  ['values.ts', '.padEnd(scale, ', '.padEnd(0, '],
  ['change-lines.ts', "if (!carried) return op === 'insert' ? null : undefined", 'if (!carried) return null'],
  ['change-lines.ts', "padStart(4, '0')}", "padStart(0, '0').slice(1)}"],
]

describe('a mutant of the engine is killed', () => {
  test.each(
    ENGINE_MUTANTS.map(
      ([file, text, becomes], index) => [`${file}: ${text.split('\n')[0]} → ${becomes.split('\n')[0]}`, index] as const,
    ),
  )('%s', async (_, index) => {
    const [file, text, becomes] = ENGINE_MUTANTS[index] ?? ['', '', '']
    const folder = join(directory, String(index), 'features')
    await cp(join(ROOT, 'features'), folder, { recursive: true })
    const source = await readFile(join(folder, file), 'utf8')
    expect(source).toContain(text)
    await writeFile(join(folder, file), source.replace(text, becomes))
    expect(isKilled(await modules(folder), portfolio)).toBe(true)
  })
})
