/** Wire data of a real server for decoder tests: table plans from its catalogue, COPY bytes, pgoutput messages. */
import type pg from 'pg'
import { createBufferPool } from '../../../../connectors/buffer-pool.ts'
import type { Reject, RowBatch, SourceTable } from '../../../../connectors/change.ts'
import { tableName } from '../../../../connectors/change.ts'
import type { ColumnOptions, OnBadValue } from '../../../../connectors/ports.ts'
import { canonicalText } from '../../../../connectors/postgres/decode/canonical-text.ts'
import { createChangeBatchBuilder } from '../../../../connectors/postgres/decode/change-batch.ts'
import type { ColumnPlan } from '../../../../connectors/postgres/decode/column-plan.ts'
import { createCopyDecoder } from '../../../../connectors/postgres/decode/copy-decoder.ts'
import { createPgoutputParser, type PgoutputMessage } from '../../../../connectors/postgres/decode/pgoutput.ts'
import { outputText, planColumn } from '../../../../connectors/postgres/decode/plan-column.ts'
import { cutAt } from '../../../../connectors/postgres/decode/position.ts'
import { DECODE_SETTINGS } from '../../../../connectors/postgres/decode/session-settings.ts'
import { type TransactionStamp, transactionStamp } from '../../../../connectors/postgres/decode/transaction-stamp.ts'
import { pgTypes, TYPES_SQL, type TypeRow } from '../../../../connectors/postgres/decode/type-catalogue.ts'

export type Planned = { readonly table: SourceTable; readonly plans: readonly ColumnPlan[] }

export async function applySettings(client: pg.Client): Promise<void> {
  for (const [name, value] of Object.entries(DECODE_SETTINGS))
    await client.query('select set_config($1, $2, false)', [name, value])
}

/** Plans of a table in schema public, from the catalogue. */
export async function planTable(
  client: pg.Client,
  name: string,
  { onBadValue = 'error', options = {} }: { onBadValue?: OnBadValue; options?: Readonly<Record<string, ColumnOptions>> } = {},
): Promise<Planned> {
  const { rows: columns } = await client.query(
    /* sql */ `select a.attrelid::int8::text as relation, a.attnum as id, a.attname as name, a.atttypid::int8::text as type,
      a.atttypmod as typmod, a.attnotnull as required, format_type(a.atttypid, a.atttypmod) as spelled,
      array_position(i.indkey::int2[], a.attnum) as place
    from pg_attribute a left join pg_index i on i.indrelid = a.attrelid and i.indisprimary
    where a.attrelid = $1::regclass and a.attnum > 0 and not a.attisdropped order by a.attnum`,
    [`public."${name}"`],
  )
  const { rows: types } = await client.query<TypeRow>(TYPES_SQL, [[columns[0]?.relation]])
  const table = tableName('public', name)
  const known = pgTypes(types)
  const plans = columns.map((column) =>
    planColumn(
      {
        id: column.id,
        name: column.name,
        typeOid: Number(column.type),
        typmod: column.typmod,
        nullable: !column.required,
        sourceType: column.spelled,
      },
      known,
      { table, onBadValue, options: options[column.name] },
    ),
  )
  const key = columns
    .filter((column) => column.place !== null)
    .sort((a, b) => a.place - b.place)
    .map((column) => column.id)
  return {
    table: {
      table,
      id: columns[0]?.relation,
      storage: '1',
      definition: '1',
      columns: plans.map((plan) => plan.column),
      key,
      identity: 'default',
    },
    plans,
  }
}

/** Payloads of the CopyData messages of a `copy … to stdout`. */
export function copyOut(client: pg.Client, sql: string): Promise<Buffer[]> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer[]>()
  const chunks: Buffer[] = []
  let failure: Error | null = null
  const submittable = {
    submit: (connection: { query(text: string): void }) => connection.query(sql),
    handleCopyData: ({ chunk }: { chunk: Buffer }) => chunks.push(Buffer.from(chunk)),
    handleCommandComplete: () => undefined,
    handleError: (error: Error) => {
      failure = error
    },
    handleReadyForQuery: () => (failure === null ? resolve(chunks) : reject(failure)),
  }
  client.query(submittable as unknown as pg.Submittable)
  return promise
}

export type Decoded = { readonly batches: readonly RowBatch[]; readonly rejects: readonly Reject[] }

/** Rows of a table through binary COPY; `asText` sends every column in its text form. `cut` splits the bytes. */
export async function snapshot(
  client: pg.Client,
  { table, plans }: Planned,
  { asText = false, cut = (bytes: Buffer): readonly Buffer[] => [bytes] } = {},
): Promise<Decoded> {
  const used = asText ? plans.map(textPlan) : plans
  const list = used.map((plan) => plan.select).join(', ')
  const order = table.key.length > 0 ? 'order by t.id' : ''
  const chunks = await copyOut(client, `copy (select ${list} from ${quoted(table)} t ${order}) to stdout (format binary)`)
  const rejects: Reject[] = []
  const decoder = createCopyDecoder({
    table,
    plans: used,
    position: cutAt(1, 0x10n),
    pool: createBufferPool(),
    onReject: (reject) => rejects.push(reject),
  })
  const batches = cut(Buffer.concat(chunks)).flatMap((chunk) => decoder.push(chunk))
  return { batches: [...batches, ...decoder.finish()], rejects }
}

/** The same column in its text form. */
export function textPlan(plan: ColumnPlan): ColumnPlan {
  const name = `"${plan.column.name.replaceAll('"', '""')}"`
  return { ...plan, select: outputText(plan.type, name), copyFormat: 'text' }
}

const quoted = (table: SourceTable): string =>
  table.table
    .split('.')
    .map((part) => `"${part}"`)
    .join('.')

/** New messages of a slot through the SQL function. */
export async function changesOf(client: pg.Client, slot: string, binary: boolean): Promise<PgoutputMessage[]> {
  const { rows } = await client.query<{ data: Buffer }>(
    `select data from pg_logical_slot_get_binary_changes($1, null, null, 'proto_version', '1', 'publication_names', 'everything', 'binary', $2)`,
    [slot, String(binary)],
  )
  const parser = createPgoutputParser()
  return rows.map(({ data }) => parser.parse(data))
}

/** One batch of all rows of a table among the messages: the simplest follower. */
export function decodeChanges(messages: readonly PgoutputMessage[], planned: Planned): Decoded {
  const { table, plans } = planned
  const rejects: Reject[] = []
  const builder = createChangeBatchBuilder({
    table,
    plans,
    mapping: plans.map((_, i) => i),
    pool: createBufferPool(),
    onReject: (reject) => rejects.push(reject),
  })
  let stamp: TransactionStamp | null = null
  let ordinal = 0
  for (const message of messages) {
    if (message.tag === 'begin') {
      stamp = transactionStamp(1, message.finalLsn, message.committedAtUs)
      ordinal = 0
    }
    if (stamp === null || !('relationOid' in message) || String(message.relationOid) !== table.id) continue
    ordinal++
    if (message.tag === 'insert') builder.append({ op: 'c', stamp, ordinal, tuple: message.tuple })
    else if (message.tag === 'delete') {
      builder.append({ op: 'd', stamp, ordinal, tuple: message.old, keyOnly: message.oldKind === 'key' })
    } else {
      builder.append({
        op: 'u',
        stamp,
        ordinal,
        tuple: message.tuple,
        oldFull: message.oldKind === 'full' ? message.old : null,
        oldKey: message.oldKind === 'key' ? message.old : null,
      })
    }
  }
  const batch = builder.finish()
  return { batches: batch === null ? [] : [batch], rejects }
}

/** Rows as canonical text by column name. */
export function rowsOf({ batches }: Decoded): Record<string, string | null>[] {
  return batches.flatMap(({ batch, table }) =>
    Array.from({ length: batch.numRows }, (_, row) =>
      Object.fromEntries(
        table.columns.map(({ name, type }, i) => {
          const data = batch.data.children[i + 4]
          if (data === undefined) throw new Error(`no column ${name}`)
          return [name, canonicalText(type, data, row)]
        }),
      ),
    ),
  )
}
