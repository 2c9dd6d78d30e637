/**
 * `npm run bench -- <scenario>`: the limit and ours in turn, several rounds, medians and their ratio, then the raw figures
 * as JSON. Absolute figures drift between machines and moments; the ratio is what counts.
 */

type Scenario = { readonly run: () => Promise<void> }

const SCENARIOS: Readonly<Record<string, () => Promise<Scenario>>> = {
  snapshot: () => import('./snapshot.ts'),
  follow: () => import('./follow.ts'),
  transaction: () => import('./transaction.ts'),
  commits: () => import('./commits.ts'),
  tables: () => import('./tables.ts'),
  compact: () => import('./compact.ts'),
  decode: () => import('./decode.ts'),
  parquet: () => import('./parquet.ts'),
  features: () => import('./features.ts'),
  orc: () => import('./orc.ts'),
  projection: () => import('./projection.ts'),
  reconcile: () => import('./reconcile.ts'),
  transfer: () => import('./transfer.ts'),
}

const load = SCENARIOS[process.argv[2] ?? '']
if (load === undefined) {
  process.stderr.write(`Usage: npm run bench -- ${Object.keys(SCENARIOS).join('|')}\n`)
  process.exitCode = 2
} else {
  await (await load()).run()
}
