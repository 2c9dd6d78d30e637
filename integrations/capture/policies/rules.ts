/** What an integration wants of columns and rows, as the governed source asks for it. */
import type { TableName } from '../../../connectors/change.ts'
import type { Filter } from './filter-parse.ts'
import type { Mask } from './mask.ts'

export type ColumnPolicy = {
  /** True: nothing of the column is carried. False: it is, although it was left out before. */
  readonly exclude?: boolean
  /** `none`: carried as it is, although it was masked before. */
  readonly mask?: Mask | 'none'
  /** Logical name in the lake and in warehouses. */
  readonly rename?: string
}

export type PolicyRules = {
  /** The policy of a column by the name that it has in the source; null = carried as it is. */
  readonly column: (table: TableName, column: string) => ColumnPolicy | null
  /** Only rows of which this is true are carried; null = all. `text` as it was written. */
  readonly filter: (table: TableName) => { readonly text: string; readonly filter: Filter } | null
  /** Every mask of the integration: a masked column that was renamed keeps the one it had. */
  readonly masks: readonly Mask[]
}
