/** What zod found, in words for the person who wrote the file. */
import { z } from 'zod'
import { didYouMean } from './problems.ts'

export type ShapeProblem = { readonly path: readonly PropertyKey[]; readonly problem: string }

/**
 * Problems of a value that does not fit the schema, one per unknown key; with the nearest known key or value. `reveal` false
 * keeps the values found out of the text: an option of a connection may be a secret.
 */
export function shapeProblems(
  schema: z.ZodType,
  value: unknown,
  issues: readonly z.core.$ZodIssue[],
  reveal = true,
): readonly ShapeProblem[] {
  const foundText = (found: unknown) =>
    reveal || typeof found === 'object' ? `; found ${shown(found)}` : `; found a ${typeof found}`
  return issues.flatMap((issue): ShapeProblem[] => {
    if (issue.code === 'unrecognized_keys') {
      const known = knownKeys(schema, issue.path)
      return issue.keys.map((key) => ({ path: [...issue.path, key], problem: `unknown key${didYouMean(key, known)}` }))
    }
    const found = at(value, issue.path)
    if (found === undefined) return [{ path: issue.path, problem: missing(issue) }]
    // A message of the schema's own says more than the list.
    if (issue.code === 'invalid_value' && found !== null && issue.message.startsWith('Invalid ')) {
      const values = issue.values.map(String)
      const hint = typeof found === 'string' ? didYouMean(found, values) : ''
      return [{ path: issue.path, problem: `expected ${values.join(', ')}${foundText(found)}${reveal ? hint : ''}` }]
    }
    if (issue.code === 'invalid_key') {
      return [{ path: issue.path, problem: issue.issues.map(({ message }) => message).join('; ') }]
    }
    const message = issue.message.replace(/^Invalid input: /, '').replace(/, received \w+$/, '')
    return [{ path: issue.path, problem: `${message}${foundText(found)}` }]
  })
}

function missing(issue: z.core.$ZodIssue): string {
  if (issue.code === 'invalid_type' && issue.message.startsWith('Invalid input')) return `missing; expected ${issue.expected}`
  return issue.message.startsWith('expected') ? `missing; ${issue.message}` : 'missing'
}

/** Scalars as written (configuration holds references, not secrets); the shape of anything else. */
function shown(value: unknown): string {
  if (value === null) return 'nothing'
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'object') return 'a mapping'
  const text = String(value)
  return typeof value === 'string' ? `"${text.length > 60 ? `${text.slice(0, 60)}…` : text}"` : text
}

function at(value: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (inner, part) => (inner !== null && typeof inner === 'object' ? (inner as Record<PropertyKey, unknown>)[part] : undefined),
    value,
  )
}

type JsonSchema = {
  readonly properties?: Readonly<Record<string, JsonSchema>>
  readonly additionalProperties?: JsonSchema | boolean
  readonly items?: JsonSchema | boolean
  readonly anyOf?: readonly JsonSchema[]
}

/** Keys that the schema knows at a path, in the order of the schema. */
export function knownKeys(schema: z.ZodType, path: readonly PropertyKey[]): readonly string[] {
  let nodes: readonly JsonSchema[] = [z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as JsonSchema]
  for (const part of path) {
    nodes = nodes.flatMap(alternatives).flatMap((node) => {
      const next = typeof part === 'number' ? node.items : (node.properties?.[String(part)] ?? node.additionalProperties)
      return typeof next === 'object' ? [next] : []
    })
  }
  return nodes.flatMap(alternatives).flatMap((node) => Object.keys(node.properties ?? {}))
}

function alternatives(node: JsonSchema): readonly JsonSchema[] {
  return [node, ...(node.anyOf ?? []).flatMap(alternatives)]
}
