/**
 * Reads a configuration root: connections.yaml, defaults.yaml (optional) and every integrations/**.yaml. Reports every problem
 * of every file at once.
 */
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { z } from 'zod'
import { crossProblems } from './cross-check.ts'
import type { Configuration, Connection, LoadedIntegration, Place } from './integration.ts'
import { ConfigurationError, type ConfigurationProblem, pathText } from './problems.ts'
import { connectionsFile, defaultsFile, integration, integrationFile } from './schema.ts'
import { referenceProblems } from './secrets.ts'
import { shapeProblems } from './shape-problems.ts'
import { toIntegration } from './to-integration.ts'
import { isTransferFile, type LoadedTransfer, transferFile } from './transfer.ts'
import { parseYamlFile, type YamlFile } from './yaml-file.ts'

/** Everything under the root. Throws `ConfigurationError` with all problems; no secret is resolved. */
export function loadConfiguration(root: string): Configuration {
  const problems: ConfigurationProblem[] = []
  const connections = readConnections(root, problems)
  const defaults = readDefaults(root, problems)
  const integrations = integrationFiles(root)
    .map((file) => readIntegration(file, defaults, problems))
    .filter((loaded) => loaded !== null)
    .sort((a, b) => (a.name < b.name ? -1 : 1))
  const replications = integrations.filter((loaded) => loaded.kind !== 'transfer')
  const transfers = integrations.filter((loaded) => loaded.kind === 'transfer')
  problems.push(...crossProblems(replications, connections), ...transferProblems(transfers, replications))
  if (problems.length > 0) throw new ConfigurationError(problems)
  return {
    root,
    connections: connections ?? new Map(),
    integrations: replications.map(({ place: _, ...loaded }) => loaded),
    transfers,
  }
}

/** connections.yaml alone, for commands that need no integration. Throws `ConfigurationError`. */
export function loadConnections(root: string): ReadonlyMap<string, Connection> {
  const problems: ConfigurationProblem[] = []
  const connections = readConnections(root, problems)
  if (connections === null || problems.length > 0) throw new ConfigurationError(problems)
  return connections
}

/** An integration that still knows where its parts are written. */
export type PlacedIntegration = LoadedIntegration & { readonly place: (path: readonly PropertyKey[]) => Place }

function readConnections(root: string, problems: ConfigurationProblem[]): Map<string, Connection> | null {
  const file = join(root, 'connections.yaml')
  const yaml = readYaml(file, problems)
  if (yaml === null) {
    const exists = statSync(root, { throwIfNoEntry: false })?.isDirectory() === true
    const cure = exists ? 'no such file' : `no such directory "${root}"`
    problems.push({ file, line: 1, path: '', problem: `${cure}; "portage init" writes one, --config names another` })
    return null
  }
  const parsed = checked(connectionsFile, yaml.value ?? {}, yaml, problems, false)
  if (parsed === null) return null
  const place = placer(yaml)
  for (const { path, problem } of referenceProblems(yaml.value)) problems.push({ ...place(path), problem })
  return new Map(
    Object.entries(parsed).map(([name, { connector, ...options }]) => [
      name,
      { name, connector, options, file, place: (path) => place([name, ...path]) },
    ]),
  )
}

type Defaults = { readonly value: Readonly<Record<string, unknown>>; readonly yaml: YamlFile }

function readDefaults(root: string, problems: ConfigurationProblem[]): Defaults | null {
  const yaml = readYaml(join(root, 'defaults.yaml'), problems)
  if (yaml === null || yaml.problems.length > 0) return null
  const value = yaml.value ?? {}
  const parsed = checked(defaultsFile, value, yaml, problems)
  return parsed === null ? null : { value: value as Record<string, unknown>, yaml }
}

function integrationFiles(root: string): readonly string[] {
  const directory = join(root, 'integrations')
  if (statSync(directory, { throwIfNoEntry: false })?.isDirectory() !== true) return []
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.ya?ml$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()
}

/** Names are given once, whatever the kind. */
function transferProblems(
  transfers: readonly LoadedTransfer[],
  integrations: readonly PlacedIntegration[],
): readonly ConfigurationProblem[] {
  return transfers.flatMap(({ name, file }, index) => {
    const other = integrations.find((each) => each.name === name) ?? transfers.slice(0, index).find((each) => each.name === name)
    return other === undefined ? [] : [{ file, line: 1, path: 'name', problem: `"${name}" is taken by ${other.file}` }]
  })
}

function readIntegration(
  file: string,
  defaults: Defaults | null,
  problems: ConfigurationProblem[],
): PlacedIntegration | LoadedTransfer | null {
  const yaml = readYaml(file, problems)
  if (yaml !== null && isTransferFile(yaml.value)) {
    const document = checked(transferFile, yaml.value, yaml, problems)
    return document === null ? null : { name: document.name, file, kind: 'transfer', document }
  }
  if (yaml === null || checked(integrationFile, yaml.value, yaml, problems) === null) return null
  const merged = defaults === null ? yaml.value : deepMerge(defaults.value, yaml.value)
  const parsed = checked(integration, merged, yaml, problems)
  if (parsed === null) return null
  const own = placer(yaml)
  const inherited = defaults === null ? own : placer(defaults.yaml)
  const place = (path: readonly PropertyKey[]): Place =>
    defaults === null || has(yaml.value, path) ? own(path) : inherited(path)
  return { ...toIntegration(parsed, file, place), place }
}

/** Null when the file is not there; a syntax error is recorded and leaves `value` undefined. */
function readYaml(file: string, problems: ConfigurationProblem[]): YamlFile | null {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'unreadable'
    if (code === 'ENOENT') return null
    problems.push({ file, line: 1, path: '', problem: `cannot be read (${code})` })
    return { file, value: undefined, problems: [], line: () => 1 }
  }
  const yaml = parseYamlFile(file, text)
  problems.push(...yaml.problems)
  return yaml
}

/** The parsed value, or null after its problems were recorded. A file that did not parse has been reported already. */
function checked<Schema extends z.ZodType>(
  schema: Schema,
  value: unknown,
  yaml: YamlFile,
  problems: ConfigurationProblem[],
  reveal = true,
): z.output<Schema> | null {
  if (yaml.problems.length > 0) return null
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  const place = placer(yaml)
  for (const { path, problem } of shapeProblems(schema, value, parsed.error.issues, reveal))
    problems.push({ ...place(path), problem })
  return null
}

function placer(yaml: YamlFile): (path: readonly PropertyKey[]) => Place {
  return (path) => ({ file: yaml.file, line: yaml.line(path), path: pathText(path) })
}

/** Mappings are merged key by key, defaults first; everything else is replaced. */
function deepMerge(defaults: unknown, own: unknown): unknown {
  if (own === undefined) return defaults
  if (!isMapping(defaults) || !isMapping(own)) return own
  const merged: Record<string, unknown> = { ...defaults }
  for (const [key, value] of Object.entries(own)) merged[key] = deepMerge(defaults[key], value)
  return merged
}

function has(value: unknown, path: readonly PropertyKey[]): boolean {
  let inner = value
  for (const part of path) {
    if (inner === null || typeof inner !== 'object' || !Object.hasOwn(inner, part)) return false
    inner = (inner as Record<PropertyKey, unknown>)[part]
  }
  return true
}

function isMapping(value: unknown): value is Record<string, unknown> {
  return value !== null && typeof value === 'object' && !Array.isArray(value)
}
