/** Nested values between a file and JSON text. Pure. */
import { canonicalText, type Value } from '../../../connectors/column-values.ts'
import type { ForeignLayout, ForeignShape } from '../../../connectors/manifest.ts'
import { type Convert, converter, hasText, type Unfit } from './convert.ts'

/**
 * A value as it stands in a file, by the shape of the file: a `value` as it is, of a list its items, of a map pairs, of a struct its
 * fields in order, of a union its tag and value.
 */
export type Tree = Value | readonly Tree[] | { readonly tag: number; readonly value: Tree }

type Owner = ForeignLayout['owner']

/** JSON text of a tree; `undefined` when a value in it does not fit. */
export type Render = (tree: Tree) => string | undefined

/**
 * The rule of every nested value here: integers and decimals as exact numbers, bytes as hex, dates and timestamps in canonical text,
 * NaN and infinities as text; a map is an array of `[key, value]`, a union its value. Fields are those that the table has; one that the file lacks is null.
 * Returns what cannot be carried from one shape to the other instead, in words.
 */
export function renderer(from: ForeignShape, to: ForeignShape, owner: Owner): Render | Unfit {
  if (from.kind === 'union' && to.kind === 'union') return unionRenderer(from.branches, to.branches, owner)
  if (from.kind === 'list' && to.kind === 'list') {
    const item = renderer(from.item, to.item, owner)
    if (typeof item !== 'function') return item
    return nullable((tree) => joined('[', (tree as readonly Tree[]).map(item), ']'))
  }
  if (from.kind === 'map' && to.kind === 'map') {
    const [key, value] = [renderer(from.key, to.key, owner), renderer(from.value, to.value, owner)]
    if (typeof key !== 'function') return key
    if (typeof value !== 'function') return value
    const pair = ([k, v]: readonly Tree[]) => joined('[', [key(k ?? null), value(v ?? null)], ']')
    return nullable((tree) => joined('[', (tree as readonly (readonly Tree[])[]).map(pair), ']'))
  }
  if (from.kind === 'struct' && to.kind === 'struct') return structRenderer(from.fields, to.fields, owner)
  if (from.kind === 'value' && to.kind === 'value') {
    const convert = converter(from.type, to, owner)
    return typeof convert === 'function' ? nullable((tree) => scalarJson(convert, tree as Exclude<Value, null>, to)) : convert
  }
  return { from: from.kind, to: to.kind }
}

type Fields = Extract<ForeignShape, { kind: 'struct' }>['fields']

function structRenderer(from: Fields, to: Fields, owner: Owner): Render | Unfit {
  const places = to.map(({ name, shape }) => {
    const index = from.findIndex((field) => field.name.toLowerCase() === name.toLowerCase())
    const found = from[index]
    return { label: `${JSON.stringify(name)}:`, index, render: found === undefined ? null : renderer(found.shape, shape, owner) }
  })
  for (const { render } of places) if (render !== null && typeof render !== 'function') return render
  return nullable((tree) => {
    const values = tree as readonly Tree[]
    const parts = places.map(({ label, index, render }) => {
      const text = typeof render === 'function' ? render(values[index] ?? null) : 'null'
      return text === undefined ? undefined : label + text
    })
    return joined('{', parts, '}')
  })
}

function unionRenderer(from: readonly ForeignShape[], to: readonly ForeignShape[], owner: Owner): Render | Unfit {
  const branches: Render[] = []
  for (const [index, branch] of from.entries()) {
    const target = to[index]
    const render = target === undefined ? { from: 'union', to: 'union' } : renderer(branch, target, owner)
    if (typeof render !== 'function') return render
    branches.push(render)
  }
  return nullable((tree) => {
    const { tag, value } = tree as { readonly tag: number; readonly value: Tree }
    return branches[tag]?.(value)
  })
}

const nullable =
  (render: Render): Render =>
  (tree) =>
    tree === null ? 'null' : render(tree)

function joined(open: string, parts: readonly (string | undefined)[], close: string): string | undefined {
  return parts.includes(undefined) ? undefined : open + parts.join(',') + close
}

function scalarJson(
  convert: Convert,
  value: Exclude<Value, null>,
  to: Extract<ForeignShape, { kind: 'value' }>,
): string | undefined {
  const held = convert(value)
  if (held === undefined || held === null) return undefined
  if (typeof held === 'boolean') return String(held)
  if (typeof held === 'number' && to.type.kind !== 'date')
    return Number.isFinite(held) ? String(held) : JSON.stringify(String(held))
  if (typeof held === 'bigint' && to.type.kind === 'int64') return String(held)
  if ((to.type.kind === 'date' || to.type.kind === 'timestamp') && !hasText(held)) return undefined
  const text = canonicalText(held, to.type)
  return to.type.kind === 'decimal' ? text : JSON.stringify(text)
}
