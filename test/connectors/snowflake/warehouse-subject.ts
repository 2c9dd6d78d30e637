/** Warehouses over a test account, as the contract and the tests of registration want them. */
import type { LogicalType } from '../../../connectors/logical-type.ts'
import type { Warehouse } from '../../../connectors/ports.ts'
import { openSnowflakeClient, type SnowflakeClient } from '../../../connectors/snowflake/client.ts'
import { snowflakeOptions } from '../../../connectors/snowflake/options.ts'
import { openSnowflakeWarehouse } from '../../../connectors/snowflake/warehouse.ts'
import { accountEnvironment, openTestAccount, type TestAccount } from '../../support/snowflake-account.ts'
import type { WarehouseSubject } from '../../support/warehouse-tables.ts'

export type SnowflakeSubject = WarehouseSubject & {
  readonly account: TestAccount
  /** Another warehouse, whose statements pass through `wrap`. */
  readonly wrapped: (wrap: (client: SnowflakeClient) => SnowflakeClient, options?: Record<string, unknown>) => Promise<Warehouse>
}

/** `schemas` are dropped at the end. */
export async function snowflakeSubject(schemas: readonly string[] = ['RAW', 'OTHER']): Promise<SnowflakeSubject> {
  const closing = new AsyncDisposableStack()
  const account = closing.use(await openTestAccount())
  const environment = accountEnvironment('.')
  const open = async (
    wrap: (client: SnowflakeClient) => SnowflakeClient,
    more: Record<string, unknown> = {},
  ): Promise<Warehouse> => {
    const options = snowflakeOptions.parse({ ...account.connection, ...more })
    const warehouse = await openSnowflakeWarehouse(options, environment, async (tag, signal) =>
      wrap(await openSnowflakeClient(options, environment, tag, signal)),
    )
    closing.use(warehouse)
    return warehouse
  }
  closing.defer(async () => {
    for (const schema of schemas) await account.rows(`DROP SCHEMA IF EXISTS ${account.database}.${schema}`)
  })
  return {
    account,
    warehouse: await open((client) => client),
    store: account.store,
    reopen: () => open((client) => client),
    wrapped: open,
    shows: { type: shownAs, text: shownText },
    [Symbol.asyncDispose]: () => closing.disposeAsync(),
  }
}

/** NUMBERs of few digits, one float, timestamps without a zone. */
function shownAs(type: LogicalType): LogicalType | null {
  switch (type.kind) {
    case 'int16':
      return { kind: 'int32' }
    case 'int32':
      return { kind: 'int64' }
    case 'float32':
      return { kind: 'float64' }
    case 'decimal':
      if (type.scale > 37) return null
      // Snowflake has one kind of number: without a fraction it is as good as an integer.
      return type.scale === 0 && type.precision <= 19 ? { kind: 'int64' } : type
    case 'timestamp':
      return { kind: 'timestamp', utc: false }
    default:
      return type
  }
}

/** JSON is a VARIANT, which Snowflake prints over several lines. Numbers beyond its range: only a live account can tell. */
function shownText(text: string, type: LogicalType): string {
  if (type.kind !== 'utf8' || type.format !== 'json') return text
  return text.replace(/^\{(.*)\}$/, '{\n  $1\n}')
}
