import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { expect, test } from 'vitest'
import { loadConfiguration } from '../../../config/load.ts'
import { tableName } from '../../../connectors/change.ts'
import { demoPlaces, writeDemoConfig } from '../../../orchestration/demo/demo-config.ts'
import { lockDemo } from '../../../orchestration/demo/demo-lock.ts'
import { nextCommands, reportLines } from '../../../orchestration/demo/demo-report.ts'

const loan = { table: tableName('public', 'loan'), snapshotRows: 3, changes: 4, files: 2, bytes: 2048, rejects: 0 }
const equal = { table: 'public.loan', rows: { source: 5, lake: 5 }, onlySource: 0, onlyLake: 0, differing: 0, keys: [] }

test('the report names rows, changes, commits, files, seconds and that there is no difference', () => {
  const totals = { comparisons: [equal], tables: [loan], transactions: 3, commits: 7, elapsedMs: 61_000 }
  expect(reportLines(totals).join('\n')).toMatchInlineSnapshot(`
    "table        rows in source  rows in lake  changes  files     size  difference
    ───────────  ──────────────  ────────────  ───────  ─────  ───────  ─────────────
    public.loan               5             5        4      2  2.0 KiB  no difference

    4 changes · 3 transactions · 7 commits · 2 files · 1 m 01 s · no difference"
  `)
})

test('a difference is told with its kind and keys', () => {
  const different = { ...equal, onlyLake: 2, differing: 1, keys: ['7', '8', '9'] }
  const text = reportLines({ comparisons: [different], tables: [], transactions: 0, commits: 1, elapsedMs: 1_000 }).join('\n')
  expect(text).toContain('2 only in lake, 1 with other values (7 8 9)')
  expect(text).toContain('SOURCE AND LAKE DIFFER')
})

test('the commands to try next name paths below the working directory', () => {
  const places = demoPlaces(resolve('.portage', 'demo'))
  const commands = nextCommands(places, { file: join(places.lake, 'a.parquet'), loan: 9 })
  expect(commands).toHaveLength(3)
  expect(commands[0]).toContain('--config .portage/demo/config')
  expect(commands[1]).toContain('where id = 9')
  expect(commands[2]).toBe('npx --no portage inspect .portage/demo/lake/a.parquet --rows 3')
})

test.each([
  ['directory', 'filesystem'],
  ['bucket', 's3'],
] as const)(
  'the configuration of the demo with a %s is one that Portage reads, with addresses and keys as secrets',
  async (lake, store) => {
    const dir = await mkdtemp(join(tmpdir(), 'portage-demo-'))
    try {
      const places = demoPlaces(join(dir, 'demo'), lake)
      await writeDemoConfig(places, lake, 'postgres://postgres:hidden@127.0.0.1:5432/postgres')
      const { integrations, connections } = loadConfiguration(places.config)
      expect(integrations.map(({ name, register }) => [name, register[0]?.schema])).toEqual([['loans', 'loans']])
      expect([...connections.values()].map(({ connector }) => connector)).toEqual(['postgres', store, 'duckdb'])
      expect(await readFile(join(places.config, 'connections.yaml'), 'utf8')).not.toContain('hidden')
      expect((await stat(join(places.config, 'database-url'))).mode & 0o777).toBe(0o600)
    } finally {
      await rm(dir, { recursive: true, force: true })
    }
  },
)

test('a directory has one demo at a time; one that died is no obstacle', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'portage-demo-'))
  try {
    {
      await using _held = await lockDemo(join(dir, 'demo'))
      await expect(lockDemo(join(dir, 'demo'))).rejects.toThrow(`process ${process.pid}`)
    }
    // No process has a number beyond the largest that Linux gives.
    await writeFile(join(dir, 'demo.lock'), '4194305')
    await using _taken = await lockDemo(join(dir, 'demo'))
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
})
