/** `portage features list`: what there is to ask. */
import { definitionHash } from '../features/canonical.ts'
import { aggregatesOf, type FeatureView, unitOf } from '../features/definition.ts'
import type { CommandContext } from './command-context.ts'
import { SHIPPED_VIEWS } from './features-view.ts'
import { renderTable } from './format/table.ts'
import { printJson } from './output.ts'

export async function listFeatures(context: CommandContext, { json }: { readonly json: boolean }): Promise<void> {
  if (json)
    return printJson(
      context,
      SHIPPED_VIEWS.map((view) => ({ hash: definitionHash(view), definition: view })),
    )
  for (const [index, view] of SHIPPED_VIEWS.entries()) {
    if (index > 0) await context.print('')
    await context.print(`${view.name} version ${view.version}, owner ${view.owner}, ${definitionHash(view).slice(0, 12)}`)
    await context.print(
      renderTable(
        ['feature', 'unit', 'null means'],
        view.features.map((each) => rowOf(view, each)),
      ),
    )
  }
}

function rowOf(view: FeatureView, { name, value }: FeatureView['features'][number]): readonly (string | null)[] {
  const [first] = aggregatesOf(value)
  const unit = 'ratio' in value ? 'ratio' : 'elapsedDays' in value ? 'days' : first === undefined ? '' : unitOf(view, first[1])
  return [name, unit, view.nulls[name] ?? null]
}
