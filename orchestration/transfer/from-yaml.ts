/** A transfer that a file describes, in the words of the command line. Pure. */
import type { LoadedTransfer } from '../../config/transfer.ts'
import { type GivenOptions, type TransferOptions, transferOptions } from './options.ts'

/** Throws `UsageError` for what only the command line's own check finds. */
export function transferOf({ document }: LoadedTransfer, flags: Pick<GivenOptions, 'dryRun' | 'json'>): TransferOptions {
  const { from, to, csv = {}, columns, schedule: _schedule, name: _name, kind: _kind, ...rest } = document
  const given: Record<string, unknown> = {
    ...flags,
    ...camelled(rest),
    ...camelled(csv),
    ...(columns === undefined ? {} : { columns: listed(columns) }),
    ...(csv.names === undefined ? {} : { names: listed(csv.names) }),
    ...(csv.null_values === undefined ? {} : { nullValues: csv.null_values.join(',') }),
    ...(csv.types === undefined ? {} : { types: Object.entries(csv.types).map(([column, type]) => `${column}=${type}`) }),
  }
  return transferOptions(from, to, given as GivenOptions)
}

const listed = (names: readonly string[]): string => names.map((name) => `"${name.replaceAll('"', '""')}"`).join(',')

function camelled(options: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    Object.entries(options).map(([key, value]) => [key.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase()), value]),
  )
}
