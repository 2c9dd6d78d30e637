/** The client over TLS, in a process of its own: whom to trust is read when Node starts. Arguments: the connection's block as JSON. */
import { openSnowflakeClient } from '../../../connectors/snowflake/client.ts'
import { snowflakeOptions } from '../../../connectors/snowflake/options.ts'
import { testEnvironment } from './connection.ts'

const [block = '{}'] = process.argv.slice(2)
const options = snowflakeOptions.parse(JSON.parse(block))
const signal = AbortSignal.timeout(60_000)
try {
  await using client = await openSnowflakeClient(options, testEnvironment(), { integration: 'tls', run: '1' }, signal)
  const { rows } = await client.run('one', { signal, repeatable: true })
  process.stdout.write(JSON.stringify(rows))
} catch (error) {
  process.stdout.write(error instanceof Error ? error.message : String(error))
}
