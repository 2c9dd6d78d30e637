/** Every problem of integrations and of all that they connect, at once; changes nothing. */
import type { LoadedIntegration } from '../config/integration.ts'
import { ConfigurationError, type ConfigurationProblem, formatProblem } from '../config/problems.ts'
import type { Problem } from '../connectors/ports.ts'
import { loadState } from '../integrations/land/log/read.ts'
import type { CommandContext } from './command-context.ts'
import { continuityProblems } from './continuity.ts'
import { EXIT } from './exit-codes.ts'
import { counted } from './format/quantities.ts'
import type { Opener } from './open.ts'
import { printJson } from './output.ts'
import { openSourceOf, scopeOf } from './scope.ts'
import { integrationNamed, openSession } from './session.ts'
import { leftUnloads } from './transfer/left-unloads.ts'
import { omissions, refusals } from './unsupported.ts'

/** `where`: `source core`, `lake`, `warehouse duck`, or the configuration. */
export type Finding = Problem & { readonly integration: string; readonly where: string }

type Checkable = AsyncDisposable & { readonly check: (signal: AbortSignal) => Promise<readonly Problem[]> }

/** Exit code 2 when the configuration itself is wrong, 1 when anything else is, 0 when there are only warnings. */
export async function check(
  context: CommandContext,
  { integration, json }: { readonly integration: string | undefined; readonly json: boolean },
): Promise<void> {
  const { configuration, opener } = openSession(context)
  const all = integration === undefined ? configuration.integrations : [integrationNamed(configuration, integration)]
  const findings: Finding[] = []
  for (const each of all) findings.push(...(await checkIntegration(each, opener, context.signal)))
  const redacted = findings.map((finding) => ({ ...finding, problem: context.redaction.redact(finding.problem) }))
  const errors = redacted.filter(({ severity }) => severity === 'error')
  if (json) await printJson(context, redacted)
  else await printFindings(context, all, redacted)
  const misconfigured = errors.some(({ where }) => where === CONFIGURATION)
  context.exit(misconfigured ? EXIT.usage : errors.length > 0 ? EXIT.failed : EXIT.ok)
}

const CONFIGURATION = 'configuration'

/** The findings of one integration, in the order configuration, source, lake, warehouses. */
export async function checkIntegration(
  integration: LoadedIntegration,
  opener: Opener,
  signal: AbortSignal,
): Promise<readonly Finding[]> {
  const { source, lake, register, notify } = integration
  const at =
    (where: string) =>
    (problem: Problem): Finding => ({ integration: integration.name, where, ...problem })
  const findings = [
    ...refusals(integration).map(configured),
    ...omissions(integration).map((text): Problem => ({ severity: 'warning', subject: 'integration', problem: text, cure: '' })),
  ].map(at(CONFIGURATION))
  findings.push(
    ...(await portFindings(
      `source ${source.connection}`,
      () => opener.source(source.connection, scopeOf(integration)),
      at,
      signal,
    )),
    ...(await portFindings(`lake ${lake.connection}`, () => openLake(lake, opener), at, signal)),
  )
  if (!findings.some(({ severity }) => severity === 'error')) {
    const open = async (): Promise<Checkable> => ({
      check: () => continuity(integration, opener, signal),
      [Symbol.asyncDispose]: async () => undefined,
    })
    findings.push(...(await portFindings(`source ${source.connection}`, open, at, signal)))
  }
  for (const connection of new Set(register.map((target) => target.connection))) {
    const open = () => openWarehouse(integration, connection, opener)
    findings.push(...(await portFindings(`warehouse ${connection}`, open, at, signal)))
  }
  for (const { connection } of notify) {
    const open = async (): Promise<Checkable> => opened(await opener.notifier(connection))
    findings.push(...(await portFindings(`notifier ${connection}`, open, at, signal)))
  }
  if (integration.columns.length > 0) {
    const open = async (): Promise<Checkable> => opened(await openSourceOf(integration, opener, signal))
    const found = await portFindings('columns', open, at, signal)
    // A source that cannot be asked has been told of; rules that name no column are news all the same.
    const faulty = findings.some(({ severity }) => severity === 'error')
    findings.push(...found.filter(({ where }) => !faulty || where === CONFIGURATION))
  }
  return findings
}

/** The store, and what unloads that ended early left in the lake's prefix. */
async function openLake({ connection, prefix }: LoadedIntegration['lake'], opener: Opener): Promise<Checkable> {
  const store = await opener.store(connection)
  return {
    check: async (signal) => {
      const found = await store.check(signal)
      const usable = found.every(({ severity }) => severity !== 'error')
      return usable ? [...found, ...(await leftUnloads(store, prefix, signal))] : found
    },
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  }
}

/** The warehouse, and whether a format was asked for that it does not take. */
async function openWarehouse({ register, lake }: LoadedIntegration, connection: string, opener: Opener): Promise<Checkable> {
  const warehouse = await opener.warehouse(connection)
  const asked = register.find((target) => target.connection === connection && target.format !== undefined)?.format
  const wrong = warehouse.reads === 'list' && asked !== undefined && asked !== lake.format
  const problem = `"format: ${asked}" under "register" is for warehouses that read directories; this one reads the lake's ${lake.format}`
  return {
    check: async (signal) => [
      ...(await warehouse.check(signal)),
      ...(wrong ? [{ severity: 'error', subject: `warehouse ${connection}`, problem, cure: 'leave it out' } as const] : []),
    ],
    [Symbol.asyncDispose]: () => warehouse[Symbol.asyncDispose](),
  }
}

/** Where the lake's log ends against what the source still holds. */
async function continuity(integration: LoadedIntegration, opener: Opener, signal: AbortSignal): Promise<readonly Problem[]> {
  const { name, lake, source } = integration
  await using store = await opener.store(lake.connection)
  const state = await loadState(store, { prefix: lake.prefix, integration: name }, { signal })
  if (state.position === null) return []
  await using open = await opener.source(source.connection, scopeOf(integration))
  const [identity, health] = [await open.identity(signal), await open.health(signal)]
  return continuityProblems({ integration: name, slot: source.slot, state, identity, health })
}

/** What the port finds; not being able to open it is a finding too. */
async function portFindings(
  where: string,
  open: () => Promise<Checkable>,
  at: (where: string) => (problem: Problem) => Finding,
  signal: AbortSignal,
): Promise<readonly Finding[]> {
  try {
    await using port = await open()
    return (await port.check(signal)).map(at(where))
  } catch (error) {
    if (signal.aborted) throw error
    if (error instanceof ConfigurationError) return error.problems.map(configured).map(at(CONFIGURATION))
    const problem = error instanceof Error ? error.message : String(error)
    return [at(where)({ severity: 'error', subject: where, problem, cure: '' })]
  }
}

/** Having been opened is all that is asked of it. */
function opened(port: AsyncDisposable): Checkable {
  return { check: async () => [], [Symbol.asyncDispose]: () => port[Symbol.asyncDispose]() }
}

function configured(problem: ConfigurationProblem): Problem {
  return { severity: 'error', subject: 'configuration', problem: formatProblem(problem), cure: '' }
}

async function printFindings(
  { print }: CommandContext,
  integrations: readonly LoadedIntegration[],
  findings: readonly Finding[],
): Promise<void> {
  if (integrations.length === 0) await print('No integrations. "portage init --from postgres://…" writes one')
  for (const { name } of integrations) {
    const own = findings.filter(({ integration }) => integration === name)
    const errors = own.filter(({ severity }) => severity === 'error').length
    const warnings = own.length - errors
    await print(
      `${name}: ${errors + warnings === 0 ? 'no problem' : `${counted(errors, 'error')}, ${counted(warnings, 'warning')}`}`,
    )
    for (const { severity, where, subject, problem, cure } of own) {
      const about = where === CONFIGURATION || subject === where ? where : `${where}: ${subject}`
      await print(
        `  ${severity.padEnd(7)}  ${about}: ${problem}${cure === '' ? '' : `\n           → ${cure.replaceAll('\n', '\n             ')}`}`,
      )
    }
  }
}
