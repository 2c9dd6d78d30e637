/** A YAML file with the line of everything in it. */
import { type Document, isAlias, isMap, isScalar, isSeq, LineCounter, type Node, parseDocument } from 'yaml'
import type { ConfigurationProblem } from './problems.ts'

export type YamlFile = {
  readonly file: string
  readonly value: unknown
  /** Syntax errors; `value` is undefined when there are any. */
  readonly problems: readonly ConfigurationProblem[]
  /** 1-based line of the deepest part of the path that the file has; 1 when it has none of it. */
  readonly line: (path: readonly PropertyKey[]) => number
}

/** Parses one document of YAML 1.2 core. Duplicate keys and unresolved aliases are problems. */
export function parseYamlFile(file: string, text: string): YamlFile {
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: true })
  const problems: ConfigurationProblem[] = document.errors.map((error) => ({
    file,
    line: lines.linePos(error.pos[0]).line,
    path: '',
    problem: `not valid YAML: ${error.message}`,
  }))
  const line = (path: readonly PropertyKey[]): number => {
    const offset = offsetOf(document, path)
    return offset === null ? 1 : Math.max(1, lines.linePos(offset).line)
  }
  if (problems.length > 0) return { file, value: undefined, problems, line }
  try {
    return { file, value: document.toJS({ maxAliasCount: 100 }), problems, line }
  } catch (error) {
    const problem = `not valid YAML: ${error instanceof Error ? error.message : 'unreadable'}`
    return { file, value: undefined, problems: [{ file, line: 1, path: '', problem }], line }
  }
}

function offsetOf(document: Document, path: readonly PropertyKey[]): number | null {
  let node = document.contents as Node | null
  let offset = node?.range?.[0] ?? null
  for (const part of path) {
    if (isAlias(node)) node = node.resolve(document) ?? null
    if (isMap(node)) {
      const pair = node.items.find((item) => isScalar(item.key) && String(item.key.value) === String(part))
      if (pair === undefined) return offset
      offset = (pair.key as Node).range?.[0] ?? offset
      node = pair.value as Node | null
    } else if (isSeq(node) && typeof part === 'number') {
      const item = node.items[part] as Node | undefined
      if (item === undefined) return offset
      offset = item.range?.[0] ?? offset
      node = item
    } else {
      return offset
    }
  }
  return offset
}
