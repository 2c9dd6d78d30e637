import { openMemoryChangeReader } from '../../../connectors/memory/change-reader.ts'
import { changeReaderContract, type Part } from '../../contracts/change-reader.ts'

changeReaderContract('memory', async ({ schema, boundary, base, changes, head }) => {
  // Rows in memory have the newest types from the start; scales and widths grow as the lake's reader does it.
  const widened = ({ rows, schema: written }: Part) =>
    rows.map((row) => {
      const values = { ...row.values }
      for (const column of schema.columns) {
        const old = written.columns.find((each) => each.id === column.id)?.type
        const value = values[column.physical] ?? null
        if (old === undefined || value === null) continue
        if (column.type.kind === 'int64' && old.kind === 'int32') values[column.physical] = BigInt(value as number)
        if (column.type.kind === 'decimal' && old.kind === 'decimal') {
          values[column.physical] = (value as bigint) * 10n ** BigInt(column.type.scale - old.scale)
        }
      }
      return { ...row, values }
    })
  const table = { schema, boundary, base: base.flatMap(widened), changes: changes.flatMap(widened) }
  return {
    reader: openMemoryChangeReader(() => ({ tables: new Map([[schema.table, table]]), head })),
    [Symbol.asyncDispose]: async () => {},
  }
})
