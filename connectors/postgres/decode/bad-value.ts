/** Values that a column's logical type cannot hold: why, and what is said about it. Never the value itself. */
import type { TableName } from '../../change.ts'
import { ConnectorError } from '../../errors.ts'
import { typeName } from '../../logical-type.ts'
import type { ColumnPlan } from './column-plan.ts'

/** Codes that value decoders return; 0 is a good value. */
export const BAD = {
  nan: 1,
  infiniteNumber: 2,
  infiniteTime: 3,
  beforeYear1: 4,
  beyondYear9999: 5,
  endOfDay: 6,
  scale: 7,
  precision: 8,
  /** Not a matter of policy: the bytes are not what the type sends. */
  malformed: 9,
} as const

const REASONS: Readonly<Record<number, string>> = {
  [BAD.nan]: 'numeric NaN',
  [BAD.infiniteNumber]: 'an infinite numeric',
  [BAD.infiniteTime]: 'an infinite date or timestamp',
  [BAD.beforeYear1]: 'a date before the year 1 (BC)',
  [BAD.beyondYear9999]: 'a date beyond the year 9999',
  [BAD.endOfDay]: 'the time 24:00:00',
  [BAD.scale]: 'a number with more fractional digits than its scale',
  [BAD.precision]: 'a number with more digits than its precision',
}

export function badReason(code: number): string {
  return REASONS[code] ?? 'bytes that are not of its type'
}

/** `BAD_VALUE` for policy `error`; `INTERNAL` for malformed bytes. */
export function badValueError(table: TableName, plan: ColumnPlan, code: number): ConnectorError {
  const subject = `Column "${table}.${plan.column.name}" (${plan.column.sourceType})`
  if (code === BAD.malformed) {
    return new ConnectorError('INTERNAL', `${subject} sent bytes that are not a value of its type`)
  }
  const policy = plan.onBadValue === 'null' ? 'its policy null does not apply to a key' : 'its policy is on_bad_value: error'
  const choices = plan.onBadValue === 'null' ? '"on_bad_value: text" or "reject"' : '"on_bad_value: null", "text" or "reject"'
  return new ConnectorError(
    'BAD_VALUE',
    `${subject} holds ${badReason(code)}, which ${typeName(plan.column.type)} cannot hold, and ${policy}. ` +
      `Set ${choices} under columns: ${table}.${plan.column.name} in the integration's YAML and run again. ` +
      'Correcting the row in the source helps while the table is being copied; a change that is in the log stays as it was written',
  )
}
