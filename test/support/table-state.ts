/** Tables as a log's state has them, for tests that need no log. */
import type { TableState } from '../../integrations/land/log/commit.ts'

/** Copied whole, not changed since, shown as it is. */
export const tableState = (
  schema: TableState['schema'],
  base: Omit<NonNullable<TableState['base']>, 'generation'>,
  more: Partial<TableState> = {},
): TableState => ({
  schema,
  versions: {},
  storage: '1',
  base: { generation: 1, ...base },
  pending: null,
  changes: [],
  accepted: schema.version,
  shown: null,
  gone: null,
  ...more,
})
