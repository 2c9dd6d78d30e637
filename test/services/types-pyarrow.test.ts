/** pyarrow as the reader of what the main job lands: every type and extreme, by snapshot and by stream, as Postgres prints it. */
import { readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { dateText } from '../../connectors/column-values.ts'
import { applySettings } from '../connectors/postgres/decode/wire.ts'
import { openJob } from '../integrations/main-job/job.ts'
import { python } from '../support/python.ts'
import {
  comparableText,
  TYPED_COLUMNS,
  TYPED_ROWS,
  TYPED_TABLE_TYPES,
  type TypedColumn,
  typedInserts,
  typedSource,
  typedTableSql,
} from '../support/typed-table.ts'

const SCRIPT = fileURLToPath(new URL('./parquet/values.py', import.meta.url))
const INSERTED = 1000

type Found = { readonly types: readonly string[]; readonly columns: readonly (readonly unknown[])[] }

/** A value as `values.py` prints it, as the text that Postgres prints. */
function textOf(type: string, value: unknown): unknown {
  if (value === null) return null
  if (type === 'float') return Buffer.from(String(value), 'hex').readFloatLE()
  if (type === 'double') return Buffer.from(String(value), 'hex').readDoubleLE()
  return type.startsWith('date32') ? dateText(Number(value)) : value
}

const column = (i: number): TypedColumn => {
  const found = TYPED_COLUMNS[i]
  if (found === undefined) throw new RangeError(`no column ${i}`)
  return found
}

test('pyarrow reads every type of base and change files as Postgres prints it', async () => {
  await using job = await openJob()
  const { db } = job
  await db.query(TYPED_TABLE_TYPES)
  for (const sql of typedTableSql('public.typed')) await db.query(sql)
  await job.catchUp()
  for (const sql of typedInserts('public.typed', INSERTED)) await db.query(sql)
  await db.query('update public.typed set touched = 1 where id < $1', [INSERTED])
  await job.catchUp()

  await applySettings(db.client)
  const rows = await db.query<Record<string, string | null>>(`select t.id::text, ${typedSource()} from public.typed t`)
  const expected = new Map(
    rows.map((row) => [row.id, TYPED_COLUMNS.map((each, i) => comparableText(each, row[`c${i}`] ?? null))]),
  )
  const files = readdirSync(job.root.path('lake'), { recursive: true, encoding: 'utf8' }).filter((file) =>
    file.endsWith('.parquet'),
  )
  const { stdout } = await python(
    SCRIPT,
    files.map((file) => job.root.path('lake', file)),
  )
  let read = 0
  for (const line of stdout.trimEnd().split('\n')) {
    const { types, columns } = JSON.parse(line) as Found
    const [ids = []] = columns.slice(4)
    for (const [row, id] of ids.entries()) {
      read++
      const found = columns.slice(6).map((values, i) => comparableText(column(i), textOf(types[i + 6] ?? '', values[row])))
      expect(
        found.map((text) => text?.slice(0, 200)),
        `row ${id}`,
      ).toEqual(expected.get(String(id))?.map((text) => text?.slice(0, 200)))
      expect(found.every((text, i) => text === expected.get(String(id))?.[i])).toBe(true)
    }
  }
  expect(read).toBe(3 * (TYPED_ROWS + 1))
})
