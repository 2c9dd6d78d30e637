/** Parts of an integration that this version does not carry out. What would change the data is refused, the rest is said. Pure. */
import type { LoadedIntegration } from '../config/integration.ts'
import type { ConfigurationProblem } from '../config/problems.ts'

/** Reasons to refuse the integration: running it would land what the file says must not be landed as it is. */
export function refusals(integration: LoadedIntegration): readonly ConfigurationProblem[] {
  const { file, lake } = integration
  if (lake.format !== 'orc') return []
  const problem = 'orc is not written by this version; leave it out for Parquet'
  return [{ file, line: 1, path: 'lake.format', problem }]
}

/** Things that the file asks for and `run` does not do: one line each. */
export function omissions(integration: LoadedIntegration): readonly string[] {
  return [
    ...(integration.notify.length === 0 ? [] : ['notify: not carried out by this version']),
    ...(integration.schedule === null ? [] : ['schedule: not carried out by this version; start "portage run --once" by cron']),
  ]
}
