/** Rows of unloaded files as record batches of the columns' types. Pure. */
import { Field, makeData, RecordBatch, Schema, Struct } from 'apache-arrow'
import { canonicalText, columnData, type Value } from '../../column-values.ts'
import { ConnectorError } from '../../errors.ts'
import { arrowType, typeName } from '../../logical-type.ts'
import type { BadValues, TransferColumn, ValueGroup } from '../../tables.ts'
import type { UnloadColumn, UnloadPlan } from './unload-plan.ts'

/** What to ask of whoever reads the files. */
export const storedColumns = ({ columns, marker }: UnloadPlan) => [
  ...columns.map(({ alias, stored }) => ({ name: alias, type: stored })),
  ...(marker === null ? [] : [{ name: marker.alias, type: { kind: 'decimal', precision: 38, scale: 0 } as const }]),
]

/** Throws `BAD_VALUE` with the column, never the value; under `reject` such rows are told instead. */
export function batchOf(subject: string, plan: UnloadPlan, group: ValueGroup, badValues: BadValues): RecordBatch {
  const bad = badRows(plan, group)
  for (const [row, { column, reason }] of bad) {
    if (badValues.policy === 'error') {
      throw new ConnectorError(
        'BAD_VALUE',
        `${subject}, column "${column.name}": a value ${reason}. Keep such rows aside with --on-bad-value reject, name a policy under "unload" of the connection, or convert the column in a query`,
      )
    }
    badValues.onReject({ column: column.name, place: null, reason, row: textsOf(plan, group, row) })
  }
  const kept = bad.size === 0 ? null : Array.from({ length: group.rows }, (_, row) => row).filter((row) => !bad.has(row))
  const children = plan.columns.map((column) => {
    const values = valuesOf(column, group)
    return columnData(column.column.type, kept === null ? values : kept.map((row) => values[row] ?? null))
  })
  const schema = schemaOf(plan.columns.map(({ column }) => column))
  const length = kept?.length ?? group.rows
  return new RecordBatch(schema, makeData({ type: new Struct(schema.fields), length, nullCount: 0, children }))
}

function schemaOf(columns: readonly TransferColumn[]): Schema {
  return new Schema(
    columns.map(({ name, type }) => new Field(name, arrowType(type), true, new Map([['portage.type', typeName(type)]]))),
  )
}

const storedOf = ({ alias }: Pick<UnloadColumn, 'alias'>, { columns }: ValueGroup): readonly Value[] => columns.get(alias) ?? []

function valuesOf(column: UnloadColumn, group: ValueGroup): readonly Value[] {
  return storedOf(column, group).map((value) => (value === null ? null : column.value(value)))
}

type Bad = { readonly column: TransferColumn; readonly reason: string }

function badRows(plan: UnloadPlan, group: ValueGroup): ReadonlyMap<number, Bad> {
  const bad = new Map<number, Bad>()
  if (plan.marker !== null) {
    for (const [row, mark] of storedOf(plan.marker, group).entries()) {
      const found = mark === null ? undefined : plan.columns[Number(mark) - 1]
      if (found !== undefined) bad.set(row, { column: found.column, reason: found.bad?.reason ?? 'does not fit' })
    }
  }
  for (const column of plan.columns) {
    for (const [row, value] of storedOf(column, group).entries()) {
      if (value !== null && !bad.has(row) && column.value(value) === null) {
        bad.set(row, { column: column.column, reason: `does not fit ${typeName(column.column.type)}` })
      }
    }
  }
  return bad
}

/** The row as it stands in the files. */
function textsOf({ columns }: UnloadPlan, group: ValueGroup, row: number): Readonly<Record<string, string | null>> {
  return Object.fromEntries(
    columns.map((column) => {
      const value = storedOf(column, group)[row] ?? null
      return [column.column.name, value === null ? null : canonicalText(value, column.stored)]
    }),
  )
}
