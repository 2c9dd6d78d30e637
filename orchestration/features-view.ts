/** Finds the feature view that a command names: one that ships, a canonical JSON file, or a module that exports one. */
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { extname, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { didYouMean } from '../config/problems.ts'
import { type FeatureView, VIEW_FORMAT } from '../features/definition.ts'
import { DefinitionError, loadView } from '../features/load-view.ts'
import { clientLoans } from '../features/views/client-loans.ts'
import { memberRisk } from '../features/views/member-risk.ts'
import { UsageError } from './exit-codes.ts'

export const SHIPPED_VIEWS: readonly FeatureView[] = [clientLoans, memberRisk]

const MODULE_EXTENSIONS = ['.ts', '.mts', '.js', '.mjs']

/** `name`: a shipped view, `path.json`, `path.ts`, or `path.ts#view` when the module exports several. Throws `UsageError`. */
export async function findView(name: string): Promise<FeatureView> {
  const shipped = SHIPPED_VIEWS.find((view) => view.name === name)
  if (shipped !== undefined) return shipped
  const [path = '', wanted] = name.split('#')
  if (!existsSync(path)) {
    const names = SHIPPED_VIEWS.map((view) => view.name)
    throw new UsageError(
      `Feature view "${name}" is neither ${names.join(' nor ')} nor a file${didYouMean(name, names)}. Give a name, a canonical JSON file or a module`,
    )
  }
  try {
    if (extname(path) === '.json') return loadView(JSON.parse(await readFile(path, 'utf8')))
    if (MODULE_EXTENSIONS.includes(extname(path))) return await viewOfModule(path, wanted)
  } catch (cause) {
    if (cause instanceof UsageError) throw cause
    if (cause instanceof DefinitionError) throw new UsageError(`"${path}": ${cause.message}`, { cause })
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new UsageError(`"${path}" cannot be loaded: ${reason}`, { cause })
  }
  throw new UsageError(`"${path}" is neither .json nor one of ${MODULE_EXTENSIONS.join(' ')}`)
}

async function viewOfModule(path: string, wanted: string | undefined): Promise<FeatureView> {
  const exported = Object.values((await import(pathToFileURL(resolve(path)).href)) as Record<string, unknown>)
  const views = exported.filter(looksLikeView).map(loadView)
  const found = wanted === undefined ? views : views.filter((view) => view.name === wanted)
  const [first] = found
  if (first === undefined) throw new UsageError(`"${path}" exports no feature view${wanted === undefined ? '' : ` "${wanted}"`}`)
  if (found.length === 1) return first
  throw new UsageError(
    `"${path}" exports several feature views: choose one with ${views.map(({ name }) => `${path}#${name}`).join(' or ')}`,
  )
}

function looksLikeView(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'format' in value && value.format === VIEW_FORMAT
}
