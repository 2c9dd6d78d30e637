/** What is written for an engine that reads directories, and when: windows of positions, merging, starting over, leftovers. */
import { readFileSync } from 'node:fs'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Position, TableName } from '../../../connectors/change.ts'
import { openFilesystemStore } from '../../../connectors/filesystem/store.ts'
import { DIALECTS } from '../../../connectors/hive/dialect.ts'
import type { ObjectStore, Registered, RegisteredFile, RegisterRequest, TableRegistration } from '../../../connectors/ports.ts'
import { openOrc } from '../../../integrations/land/orc/orc-file.ts'
import { readFooter } from '../../../integrations/land/parquet/inspect-footer.ts'
import { type ProjectionOptions, projectRequest } from '../../../integrations/register/directory/project.ts'
import { encodeState, parseState } from '../../../integrations/register/directory/state.ts'
import { faultyStore } from '../../support/faulty-store.ts'
import { quietEnvironment } from '../../support/lake.ts'
import { lakeRow, writeLakeFile } from '../../support/lake-files.ts'
import { batchLines } from '../../support/query-rows.ts'
import { column, cut, ID, row, STATUS, schemaOf } from '../../support/warehouse-tables.ts'

const signal = new AbortController().signal
const SCHEMA = schemaOf([ID, STATUS])

describe('projections', () => {
  let root: string
  let store: ObjectStore
  let count = 0
  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), 'portage-directory-'))
    store = await openFilesystemStore(root, quietEnvironment())
  })
  afterAll(() => rm(root, { recursive: true }))

  const file = async (part: 'base' | 'changes', positions: readonly Position[], schema = SCHEMA): Promise<RegisteredFile> => {
    const key = `raw/loans/public.loan/${part}/${String(++count).padStart(5, '0')}.parquet`
    const op = part === 'base' ? 'r' : 'u'
    const rows = positions.map((position) => lakeRow(op, position, { id: BigInt(count), status: position.slice(-3) }))
    return { ...(await writeLakeFile(store, key, schema, part, rows)), address: store.address(key) }
  }
  const request = (commit: number, table: Partial<TableRegistration>): RegisterRequest => ({
    integration: 'loans',
    schema: 'raw',
    commit,
    position: cut(1000),
    tables: [
      {
        table: 'public.loan' as TableName,
        relation: 'loan',
        schema: SCHEMA,
        boundary: cut(10),
        baseThrough: cut(10),
        base: [],
        changes: [],
        ...table,
      },
    ],
    relationSql: () => ({ current: '', changes: '', columns: [], types: new Map(), comments: new Map() }),
    readObject: async () => null,
    dryRun: false,
  })
  const options = (more: Partial<ProjectionOptions> = {}): ProjectionOptions => ({
    store,
    place: { prefix: 'raw', integration: 'loans', connection: 'hive', schema: `s${++count}` },
    warehouse: { dialect: DIALECTS.hive },
    format: 'orc',
    compression: 'zstd',
    targetFileBytes: 1 << 20,
    repair: false,
    ...more,
  })
  const recorded = (made: RegisterRequest): Registered => ({
    commit: made.commit,
    relations: ['loan'],
    projected: new Map(made.tables.map(({ relation, projected }) => [relation, projected?.state ?? ''])),
  })
  const shown = (made: RegisterRequest) =>
    (made.tables[0]?.projected?.directories ?? []).map(({ part, name, rows }) => `${part} ${name.split('-')[1]} ${rows}`)
  const lines = async (made: RegisterRequest): Promise<readonly string[]> => {
    const found: string[] = []
    for (const { address, rows: expected } of made.tables[0]?.projected?.directories ?? []) {
      const before = found.length
      for (const name of await readdir(address)) {
        const bytes = await store.get(join(address, name).slice(root.length + 1))
        if (bytes === null) throw new Error(`no ${name}`)
        const orc = await openOrc(async (start, end) => bytes.subarray(start, end), bytes.length)
        for await (const batch of orc.read()) found.push(...batchLines(batch))
      }
      expect(found.length - before).toBe(expected)
    }
    return found.sort()
  }

  test('each registration writes the rows above the last one, whatever compaction made of the files', async () => {
    const where = options()
    const base = [await file('base', [cut(10), cut(10)])]
    const a = await file('changes', [row(11), row(12)])
    const first = await projectRequest(request(1, { base, changes: [a] }), null, where, signal)
    expect(shown(first)).toEqual(['base 1 2', 'changes 1 2'])
    expect(first.projection).toEqual({ filesAdded: 2, filesRemoved: 0 })
    const b = await file('changes', [row(13)])
    const second = await projectRequest(request(2, { base, changes: [a, b] }), recorded(first), where, signal)
    expect(shown(second)).toEqual(['base 1 2', 'changes 1 2', 'changes 2 1'])
    const merged = await file('changes', [row(11), row(12), row(13), row(14)])
    const third = await projectRequest(request(3, { base, changes: [merged] }), recorded(second), where, signal)
    expect(shown(third)).toEqual(['base 1 2', 'changes 1 2', 'changes 2 1', 'changes 3 1'])
    expect(third.projection).toEqual({ filesAdded: 1, filesRemoved: 0 })
    expect(await lines(third)).toHaveLength(6)
    const same = await projectRequest(request(4, { base, changes: [merged] }), recorded(third), where, signal)
    expect(shown(same)).toEqual(shown(third))
    expect(same.projection).toEqual({ filesAdded: 0, filesRemoved: 0 })
  })

  test('rows that were taken again below the end, and history that was dropped, start the changes over', async () => {
    const where = options()
    const base = [await file('base', [cut(10)])]
    const a = await file('changes', [row(11), row(20)])
    const first = await projectRequest(request(1, { base, changes: [a] }), null, where, signal)
    const retaken = await file('changes', [row(15, 80_000_000)])
    const second = await projectRequest(request(2, { base, changes: [a, retaken] }), recorded(first), where, signal)
    expect(shown(second)).toEqual(['base 1 1', 'changes 2 3'])
    const later = await file('base', [cut(16)])
    const rest = await file('changes', [row(20)])
    const third = await projectRequest(
      request(3, { base: [later], boundary: cut(16), baseThrough: cut(16), changes: [rest] }),
      recorded(second),
      where,
      signal,
    )
    expect(shown(third)).toEqual(['base 3 1', 'changes 3 1'])
    // A merged file on both sides of the end hides a row that came below it: counted, the directories are one too few.
    const hidden = await file('changes', [row(19), row(20), row(21)])
    const fourth = await projectRequest(
      request(4, { base: [later], boundary: cut(16), baseThrough: cut(16), changes: [hidden] }),
      recorded(third),
      where,
      signal,
    )
    expect(shown(fourth)).toEqual(['base 3 1', 'changes 4 3'])
  })

  test('directories of one size become one: their number grows with the logarithm of the registrations', async () => {
    const where = options()
    let made: RegisterRequest | null = null
    const changes: RegisteredFile[] = []
    for (let commit = 1; commit <= 80; commit++) {
      changes.push(await file('changes', [row(10 + commit)]))
      made = await projectRequest(request(commit, { changes }), made === null ? null : recorded(made), where, signal)
    }
    if (made === null) throw new Error('nothing was made')
    const rows = (made.tables[0]?.projected?.directories ?? []).map((each) => each.rows)
    expect(rows).toEqual([1, 64, 8, 1, 1, 1, 1, 1, 1, 1])
    expect(await lines(made)).toHaveLength(80)
    expect((made.tables[0]?.projected?.state ?? '').length).toBeLessThan(4000)
  })

  test('an appended column keeps the files; a wider one, another table of that name or another format makes them anew', async () => {
    const where = options()
    const base = [await file('base', [cut(10)])]
    const first = await projectRequest(request(1, { base }), null, where, signal)
    const appended = schemaOf([ID, STATUS, column(3, 'note', { kind: 'utf8', format: 'text' })], { version: 2 })
    const second = await projectRequest(request(2, { base, schema: appended }), recorded(first), where, signal)
    expect([shown(second), second.tables[0]?.projected?.generation]).toEqual([['base 1 1'], 1])
    const wide = schemaOf([ID, STATUS, column(3, 'note', { kind: 'binary' })], { version: 3 })
    const third = await projectRequest(request(3, { base, schema: wide }), recorded(second), where, signal)
    expect([shown(third), third.tables[0]?.projected?.generation]).toEqual([['base 3 1'], 2])
    const again = await projectRequest(request(4, { base, schema: { ...wide, id: '9' } }), recorded(third), where, signal)
    expect([shown(again), again.tables[0]?.projected?.generation]).toEqual([['base 4 1'], 3])
    const other = { ...where, format: 'parquet' } as const
    const parquet = await projectRequest(request(5, { base, schema: { ...wide, id: '9' } }), recorded(again), other, signal)
    expect([shown(parquet), parquet.tables[0]?.projected?.generation]).toEqual([['base 5 1'], 4])
    expect(await lines(again)).toHaveLength(1)
  })

  test('rows at or above a held position stay out until it is lifted', async () => {
    const where = options()
    const changes = [await file('changes', [row(11), row(20)])]
    const held = await projectRequest(request(1, { changes, until: row(20) }), null, where, signal)
    expect(shown(held)).toEqual(['changes 1 1'])
    const lifted = await projectRequest(request(2, { changes }), recorded(held), where, signal)
    expect(shown(lifted)).toEqual(['changes 1 1', 'changes 2 1'])
  })

  test('interrupted at every write, a repeat makes the same files and leaves nothing of its own unused', async () => {
    const base = [await file('base', [cut(10)])]
    const changes = [await file('changes', [row(11)])]
    const whole = faultyStore(store, () => null)
    await projectRequest(request(1, { base, changes }), null, { ...options(), store: whole }, signal)
    const calls = whole.calls.length
    expect(calls).toBeGreaterThan(8)
    for (let index = 0; index < calls; index++) {
      for (const kind of ['die', 'die-after'] as const) {
        const where = options()
        const dying = faultyStore(store, (call) => (call.index === index ? { kind } : null))
        const killed = projectRequest(request(1, { base, changes }), null, { ...where, store: dying }, signal)
        await expect(killed).rejects.toThrow(/Killed/)
        const made = await projectRequest(request(1, { base, changes }), null, where, signal)
        expect(shown(made)).toEqual(['base 1 1', 'changes 1 1'])
        expect(await lines(made)).toHaveLength(2)
      }
    }
  })

  test('a repair writes every directory anew under other names', async () => {
    const where = options()
    const base = [await file('base', [cut(10)])]
    const first = await projectRequest(request(1, { base }), null, where, signal)
    const again = await projectRequest(request(1, { base }), recorded(first), { ...where, repair: true }, signal)
    expect(again.tables[0]?.projected?.directories[0]?.name).not.toBe(first.tables[0]?.projected?.directories[0]?.name)
    expect(again.projection).toEqual({ filesAdded: 1, filesRemoved: 1 })
  })

  test('a value that ORC cannot hold names table and the way out', async () => {
    const schema = schemaOf([ID, column(2, 'at', { kind: 'timestamp', utc: true })])
    const key = `raw/loans/public.loan/base/${++count}.parquet`
    const entry = await writeLakeFile(store, key, schema, 'base', [lakeRow('r', cut(10), { id: 1n, at: -1n })])
    const base = [{ ...entry, address: store.address(key) }]
    await expect(projectRequest(request(1, { base, schema }), null, options(), signal)).rejects.toMatchObject({
      code: 'BAD_VALUE',
      message: expect.stringMatching(/"public\.loan".*"at".*format: parquet/s) as string,
    })
    const parquet = await projectRequest(request(1, { base, schema }), null, options({ format: 'parquet' }), signal)
    expect(shown(parquet)).toEqual(['base 1 1'])
  })

  test('files of another format, or of another profile of Parquet, are written anew beside those that readers have', async () => {
    const where = options()
    const base = [await file('base', [cut(10)])]
    const a = await file('changes', [row(11)])
    let before: Registered | null = null
    const seen = new Set<string>()
    for (const [commit, format] of (['orc', 'parquet', 'parquet-hive3', 'parquet', 'orc'] as const).entries()) {
      const made: RegisterRequest = await projectRequest(
        request(commit + 1, { base, changes: [a] }),
        before,
        { ...where, format },
        signal,
      )
      const projected = made.tables[0]?.projected
      expect(projected).toMatchObject({ format: format === 'orc' ? 'orc' : 'parquet', generation: commit + 1 })
      expect(parseState(projected?.state ?? '')?.format).toBe(format)
      expect(shown(made)).toEqual([`base ${commit + 1} 1`, `changes ${commit + 1} 1`])
      for (const { name } of projected?.directories ?? []) seen.add(name)
      before = recorded(made)
    }
    expect(seen.size).toBe(10)
  })

  test('files for Hive 3 have its profile, its metadata and a compression that it reads; an older day names the way out', async () => {
    const schema = schemaOf([ID, column(2, 'at', { kind: 'timestamp', utc: true })])
    const of = async (at: bigint) => {
      const key = `raw/loans/public.loan/base/${++count}.parquet`
      const entry = await writeLakeFile(store, key, schema, 'base', [lakeRow('r', cut(10), { id: 1n, at })])
      return request(1, { base: [{ ...entry, address: store.address(key) }], schema })
    }
    for (const [compression, expected] of [
      ['zstd', 'SNAPPY'],
      ['gzip', 'GZIP'],
      ['none', 'UNCOMPRESSED'],
    ] as const) {
      const made = await projectRequest(await of(5n), null, options({ format: 'parquet-hive3', compression }), signal)
      const { address = '' } = made.tables[0]?.projected?.directories[0] ?? {}
      const bytes = readFileSync(join(address, 'part-00000.parquet'))
      const { metadata } = await readFooter(async (start, end) => bytes.subarray(start, end), bytes.length)
      const said = new Map(metadata.key_value_metadata?.map(({ key, value }) => [key, value]))
      expect([...said].filter(([key]) => /^writer|profile/.test(key))).toEqual([
        ['writer.date.proleptic', 'true'],
        ['writer.time.zone', 'UTC'],
        ['writer.zone.conversion.legacy', 'false'],
        ['portage.profile', 'hive3'],
      ])
      expect(metadata.schema.filter(({ type }) => type === 'INT96').map(({ name }) => name)).toEqual([
        '_source_committed_at',
        'at',
      ])
      expect(metadata.row_groups[0]?.columns[0]?.meta_data?.codec).toBe(expected)
    }
    const early = await of(-12_219_292_800_000_001n)
    await expect(projectRequest(early, null, options({ format: 'parquet-hive3' }), signal)).rejects.toMatchObject({
      code: 'BAD_VALUE',
      message:
        'Table "public.loan" cannot be written as parquet-hive3: Column "at" has a timestamp before 1582-10-15, and Hive 3 and Hive 4 read that from INT96 as different days. Give the warehouse "format: orc" under "register"',
    })
  })

  test('a state that someone changed, or of another version, is none; a written one reads back', () => {
    const state = parseState(
      '{"v":1,"t":"61","i":"x","f":"orc","g":1,"c":2,"s":"y","b":null,"r":["r-1-a",1,2,"z"],"h":[],"o":""}',
    )
    if (state === null) throw new Error('not read')
    expect(parseState(encodeState(state))).toEqual(state)
    for (const text of [
      '',
      '{}',
      '{"v":2}',
      encodeState(state).replace('"orc"', '"avro"'),
      encodeState(state).replace('"c":2', '"c":"2"'),
    ])
      expect(parseState(text)).toBeNull()
  })
})
