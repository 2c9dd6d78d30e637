/** Problems that no single value has: names that nothing defines, things that collide. Pure. */
import type { Connection, Place } from './integration.ts'
import type { PlacedIntegration } from './load.ts'
import { type ConfigurationProblem, didYouMean } from './problems.ts'
import { isReference, referenceProblems } from './secrets.ts'

/** `connections` null = connections.yaml could not be read; then references to it are not judged. */
export function crossProblems(
  integrations: readonly PlacedIntegration[],
  connections: ReadonlyMap<string, Connection> | null,
): readonly ConfigurationProblem[] {
  return [
    ...integrations.flatMap((integration) => [
      ...(connections === null ? [] : connectionProblems(integration, connections)),
      ...ownProblems(integration),
    ]),
    ...collisions(integrations),
  ]
}

function connectionProblems(
  { source, lake, register, notify, place }: PlacedIntegration,
  connections: ReadonlyMap<string, Connection>,
): readonly ConfigurationProblem[] {
  const named: readonly (readonly [string, Place])[] = [
    [source.connection, place(['source', 'connection'])],
    [lake.connection, place(['lake', 'connection'])],
    ...register.map(({ connection }, index) => [connection, place(['register', index, 'connection'])] as const),
    ...notify.map(({ connection }, index) => [connection, place(['notify', index, 'connection'])] as const),
  ]
  return named
    .filter(([connection]) => !connections.has(connection))
    .map(([connection, at]) => ({
      ...at,
      problem: `no connection "${connection}" in connections.yaml${didYouMean(connection, connections.keys())}`,
    }))
}

function ownProblems({ source, register, columns, place }: PlacedIntegration): readonly ConfigurationProblem[] {
  const problems: ConfigurationProblem[] = []
  if (source.tables.every((pattern) => pattern.startsWith('!'))) {
    problems.push({
      ...place(['source', 'tables']),
      problem: 'only excludes tables; add a pattern that includes some, such as public.*',
    })
  }
  register.forEach((target, index) => {
    const first = register.findIndex(({ connection, schema }) => connection === target.connection && schema === target.schema)
    if (first !== index) {
      problems.push({
        ...place(['register', index]),
        problem: `same connection and schema "${target.schema}" as register[${first}]`,
      })
    }
  })
  for (const { pattern, at, type, mask, rename } of columns) {
    if (pattern.split('.').length < 3)
      problems.push({ ...at, problem: 'expected schema.table.column; * stands for any characters' })
    const decimal = /^decimal\((\d+), ?(\d+)\)$/.exec(type ?? '')
    if (decimal !== null && !decimalFits(Number(decimal[1]), Number(decimal[2]))) {
      problems.push({ ...at, problem: `${type} cannot be held; expected 1 to 38 digits, scale at most the precision` })
    }
    for (const { problem } of referenceProblems(mask ?? {})) problems.push({ ...at, problem })
    if (mask?.kind === 'hmac_sha256' && !isReference(mask.key)) {
      problems.push({
        ...at,
        problem: `expected the key of the mask as a reference, such as \${env:PII_KEY}; found a plain text`,
      })
    }
    if (rename !== undefined && pattern.includes('*')) {
      problems.push({ ...at, problem: `renames what "${pattern}" names to one name; expected the whole name of one column` })
    }
  }
  return problems
}

function decimalFits(precision: number, scale: number): boolean {
  return precision >= 1 && precision <= 38 && scale <= precision
}

function collisions(integrations: readonly PlacedIntegration[]): readonly ConfigurationProblem[] {
  const problems: ConfigurationProblem[] = []
  const names = new Map<string, string>()
  const slots = new Map<string, string>()
  for (const { name, file, source, place } of integrations) {
    const other = names.get(name)
    if (other === undefined) names.set(name, file)
    else problems.push({ ...place(['name']), problem: `"${name}" is also the name of ${other}` })
    const slot = `${source.connection} ${source.slot}`
    const holder = slots.get(slot)
    if (holder === undefined) slots.set(slot, name)
    else if (holder !== name) {
      const at = place(['source', 'slot'])
      problems.push({ ...at, problem: `slot "${source.slot}" is also used by integration "${holder}"; a slot serves one` })
    }
  }
  return problems
}
