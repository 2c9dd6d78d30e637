import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { loadConfiguration, loadConnections } from '../../config/load.ts'
import { ConfigurationError } from '../../config/problems.ts'

const roots: string[] = []
afterEach(() => {
  for (const root of roots.splice(0)) rmSync(root, { recursive: true })
})

function rootWith(files: Readonly<Record<string, string>>): string {
  const root = mkdtempSync(join(tmpdir(), 'portage-config-'))
  roots.push(root)
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, name)), { recursive: true })
    writeFileSync(join(root, name), text)
  }
  return root
}

/** The problems as `file:line path: problem`, file names relative to the root. */
function problemsOf(files: Readonly<Record<string, string>>): readonly string[] {
  const root = rootWith(files)
  try {
    loadConfiguration(root)
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error
    return error.message
      .split('\n')
      .slice(1)
      .map((line) => line.trim().replaceAll(`${root}/`, ''))
  }
  return []
}

const CONNECTIONS = `
core: {connector: postgres, host: localhost, password: '\${env:CORE_PASSWORD}'}
lake: {connector: filesystem, path: .portage/lake}
duck: {connector: duckdb, path: .portage/duck}
`
const LOANS = `
name: loans
source: {connection: core, tables: ['public.*']}
lake: {connection: lake}
`

test('an integration with only what is required gets every documented default', () => {
  const root = rootWith({ 'connections.yaml': CONNECTIONS, 'integrations/loans.yaml': LOANS })
  const { integrations, connections } = loadConfiguration(root)
  expect([...connections.keys()]).toEqual(['core', 'lake', 'duck'])
  expect(connections.get('core')?.options).toEqual({ host: 'localhost', password: `\${env:CORE_PASSWORD}` })
  expect(integrations).toMatchInlineSnapshot(
    [{ file: expect.stringMatching(/loans\.yaml$/) }],
    `
    [
      {
        "columns": [],
        "file": StringMatching /loans\\\\\\.yaml\\$/,
        "flush": {
          "bytes": 67108864,
          "filesPerHour": 20000,
          "intervalMs": 5000,
          "rows": 500000,
        },
        "kind": "replicate",
        "lake": {
          "compression": "zstd",
          "connection": "lake",
          "format": "parquet",
          "prefix": "raw",
          "targetFileBytes": 268435456,
        },
        "name": "loans",
        "notify": [],
        "onBadValue": "error",
        "reconcile": null,
        "register": [],
        "retention": null,
        "rows": [],
        "schedule": null,
        "schemaChanges": [],
        "source": {
          "connection": "core",
          "heartbeatMs": 60000,
          "maxSnapshotAgeMs": 900000,
          "publication": "portage_loans",
          "readers": 2,
          "slot": "portage_loans",
          "tables": [
            "public.*",
          ],
        },
      },
    ]
  `,
  )
})

test('the integration of the design is understood, with its units', () => {
  const root = rootWith({
    'connections.yaml': `${CONNECTIONS}snowflake: {connector: snowflake}\nhive: {connector: hive}\nslack: {connector: slack}\n`,
    'integrations/loans.yaml': `
name: loans
kind: replicate
source:
  connection: core
  publication: portage_loans
  tables: ['public.*', '!public.tmp_*']
lake: {connection: lake, prefix: raw, compression: zstd, target_file: 256 MiB}
flush: {interval: 5s, rows: 500_000, bytes: 64 MiB}
register:
  - {connection: snowflake, schema: RAW, every: 1m}
  - {connection: hive, database: raw, format: orc, every: 10m}
schema_changes: {drop_column: hold, rename_column: apply}
columns:
  public.client.email: {mask: {hmac_sha256: '\${env:PII_KEY}'}}
  public.client.notes: {exclude: true}
reconcile: {every: 1h}
notify: [{connection: slack, on: [failure, held, lag, summary]}]
schedule: {cron: '*/15 * * * *', retries: 3, wait_for: {trigger: 's3://in/experian/{date}.trg'}}
`,
  })
  const [loans] = loadConfiguration(root).integrations
  expect(loans?.flush).toEqual({ intervalMs: 5000, rows: 500_000, bytes: 64 * 1024 ** 2, filesPerHour: 20_000 })
  expect(loans?.register).toEqual([
    { connection: 'snowflake', schema: 'RAW', everyMs: 60_000 },
    { connection: 'hive', schema: 'raw', everyMs: 600_000, format: 'orc' },
  ])
  expect(loans?.columns.map(({ pattern, mask, exclude, at }) => [pattern, mask ?? exclude, at.line])).toEqual([
    ['public.client.email', { kind: 'hmac_sha256', key: `\${env:PII_KEY}` }, 15],
    ['public.client.notes', true, 16],
  ])
  expect(loans?.schedule).toEqual({ cron: '*/15 * * * *', retries: 3, waitForTrigger: 's3://in/experian/{date}.trg' })
})

test('a schema whose name has a space is named as it is', () => {
  const tables = "['public.*', 'My Schema.*', '!My Schema.old*']"
  const integration = `name: loans\nsource: {connection: core, tables: ${tables}}\nlake: {connection: lake}\n`
  expect(problemsOf({ 'connections.yaml': CONNECTIONS, 'integrations/loans.yaml': integration })).toEqual([])
})

test('every problem of every file is reported at once with its line', () => {
  expect(
    problemsOf({
      'connections.yaml': `core: {connector: postgres, password: '\${vault:x}'}\nlake: {path: x}\n`,
      'defaults.yaml': 'flush: {intervall: 5s}\n',
      'integrations/a.yaml': `
name: Loans
source:
  connection: cor
  tabels: ['public.*']
flush:
  interval: 5
  rows: many
  bytes: 64 megs
on_bad_value: rejekt
colums: {}
`,
      'integrations/b.yaml': 'name: b\nsource: {connection: core\n',
      'integrations/deep/c.yml': `name: c\nlake: {connection: lake, prefix: ../x}\non_bad_value:\n`,
    }),
  ).toMatchInlineSnapshot(`
    [
      "connections.yaml:2 lake.connector: missing; expected the name of a connector, such as postgres",
      "defaults.yaml:1 flush.intervall: unknown key (did you mean "interval"?)",
      "integrations/a.yaml:2 name: expected lower-case letters, digits and _, starting with a letter, at most 40 characters; found "Loans"",
      "integrations/a.yaml:5 source.tabels: unknown key (did you mean "tables"?)",
      "integrations/a.yaml:7 flush.interval: expected a duration with its unit, such as 5s, 15m or 1h; found 5",
      "integrations/a.yaml:8 flush.rows: expected a whole number above 0, such as 500_000; found "many"",
      "integrations/a.yaml:9 flush.bytes: expected a size with its unit, such as 64 MiB; found "64 megs"",
      "integrations/a.yaml:10 on_bad_value: expected error, null, text, reject; found "rejekt" (did you mean "reject"?)",
      "integrations/a.yaml:11 colums: unknown key (did you mean "columns"?)",
      "integrations/b.yaml:3: not valid YAML: Flow map in block collection must be sufficiently indented and end with a }",
      "integrations/deep/c.yml:1 source: missing; expected object",
      "integrations/deep/c.yml:2 lake.prefix: segments . and .. are not allowed; found "../x"",
      "integrations/deep/c.yml:3 on_bad_value: expected error, 'null', text or reject (null needs quotes); found nothing",
    ]
  `)
})

test('what is missing after the defaults is reported, what they supply is not', () => {
  const files = {
    'connections.yaml': CONNECTIONS,
    'defaults.yaml': 'lake: {connection: lake, prefix: warm}\nflush: {interval: 1s}\n',
    'integrations/loans.yaml': "name: loans\nsource: {connection: core, tables: ['public.*']}\nflush: {rows: 10}\n",
    'integrations/cards.yaml': 'name: cards\nsource: {connection: core}\n',
  }
  expect(problemsOf(files)).toEqual(['integrations/cards.yaml:2 source.tables: missing; expected array'])
  const { 'integrations/cards.yaml': _, ...good } = files
  const [loans] = loadConfiguration(rootWith(good)).integrations
  expect(loans?.lake).toMatchObject({ connection: 'lake', prefix: 'warm' })
  expect(loans?.flush).toMatchObject({ intervalMs: 1000, rows: 10 })
})

test('names that nothing defines and things that collide are problems', () => {
  expect(
    problemsOf({
      'connections.yaml': CONNECTIONS,
      'integrations/1.yaml': `
name: loans
source: {connection: coer, tables: ['!public.x']}
lake: {connection: lake}
register:
  - {connection: duck, schema: raw}
  - {connection: duck, schema: raw}
columns:
  email: {exclude: true}
  public.loan.amount: {type: 'decimal(40,2)'}
`,
      'integrations/2.yaml': `
name: loans
source: {connection: core, tables: [public.x], slot: s}
lake: {connection: lake}
`,
      'integrations/3.yaml': `
name: cards
source: {connection: core, tables: [public.x], slot: s}
lake: {connection: lake}
`,
    }),
  ).toMatchInlineSnapshot(`
    [
      "integrations/1.yaml:3 source.connection: no connection "coer" in connections.yaml (did you mean "core"?)",
      "integrations/1.yaml:3 source.tables: only excludes tables; add a pattern that includes some, such as public.*",
      "integrations/1.yaml:7 register[1]: same connection and schema "raw" as register[0]",
      "integrations/1.yaml:9 columns.email: expected schema.table.column; * stands for any characters",
      "integrations/1.yaml:10 columns.public.loan.amount: decimal(40,2) cannot be held; expected 1 to 38 digits, scale at most the precision",
      "integrations/2.yaml:2 name: "loans" is also the name of integrations/1.yaml",
      "integrations/2.yaml:3 source.slot: slot "s" is also used by integration "cards"; a slot serves one",
    ]
  `)
})

test('a format of files for a warehouse that is not written is refused, with those that are', () => {
  const problems = (format: string) =>
    problemsOf({
      'connections.yaml': CONNECTIONS,
      'integrations/1.yaml': `
name: loans
source: {connection: core, tables: [public.x]}
lake: {connection: lake}
register: [{connection: duck, format: ${format}}]
`,
    })
  for (const format of ['orc', 'parquet', 'parquet-hive3']) expect(problems(format)).toEqual([])
  expect(problems('avro')).toEqual([
    'integrations/1.yaml:5 register[0].format: expected orc, parquet, parquet-hive3; found "avro"',
  ])
})

test('a missing root says how to make one', () => {
  expect(() => loadConnections('/nowhere/config')).toThrow(/no such directory "\/nowhere\/config"; "portage init" writes one/)
})

test('an option of a connection is never shown in a problem', () => {
  const [problem] = problemsOf({ 'connections.yaml': 'core: hunter2\n' })
  expect(problem).not.toContain('hunter2')
})

test('a duplicate key is a problem, not a silent choice', () => {
  expect(problemsOf({ 'connections.yaml': CONNECTIONS, 'integrations/loans.yaml': `${LOANS}name: other\n` })).toEqual([
    'integrations/loans.yaml:5: not valid YAML: Map keys must be unique',
  ])
})
