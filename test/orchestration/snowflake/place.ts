/** Commands over a PostgreSQL database, a lake in a bucket and a Snowflake account; everything that they print is kept. */
import { stringify } from 'yaml'
import { type Ended, portage } from '../../support/command-line.ts'
import { type Database, sharedPostgres } from '../../support/postgres.ts'
import { type Scratch, scratch } from '../../support/scratch.ts'
import { openTestAccount, type TestAccount } from '../../support/snowflake-account.ts'

export type SnowflakePlace = AsyncDisposable & {
  readonly account: TestAccount
  readonly database: Database
  /** `config` and `state`. */
  readonly files: Scratch
  /** Of every command so far, standard output and standard error in turn. */
  readonly said: readonly string[]
  /** Writes the integration `loans`; `more` are further keys of it. */
  readonly configure: (more?: Readonly<Record<string, unknown>>) => void
  readonly run: (...argv: readonly string[]) => Promise<Ended>
}

/** Tables of a database of its own, registered in the account's own schema. */
export async function snowflakePlace(): Promise<SnowflakePlace> {
  await using closing = new AsyncDisposableStack()
  const account = closing.use(await openTestAccount())
  const database = closing.use(await (await sharedPostgres()).createDatabase())
  const files = closing.use(scratch())
  files.write(
    'config/connections.yaml',
    stringify({
      core: { connector: 'postgres', url: `\${env:CORE_URL}` },
      lake: { connector: 's3', ...account.lake },
      snow: { connector: 'snowflake', ...account.connection },
    }),
  )
  const configure = (more: Readonly<Record<string, unknown>> = {}) =>
    files.write(
      'config/integrations/loans.yaml',
      stringify({
        name: 'loans',
        source: { connection: 'core', tables: ['public.*'], slot: `s_${database.name}`, publication: `p_${database.name}` },
        lake: { connection: 'lake' },
        flush: { interval: '20ms' },
        register: [{ connection: 'snow', schema: account.schema, every: '20ms' }],
        ...more,
      }),
    )
  configure()
  const said: string[] = []
  const kept = closing.move()
  return {
    account,
    database,
    files,
    said,
    configure,
    run: async (...argv) => {
      const places = ['--config', files.path('config'), '--state', files.path('state')]
      const ended = await portage([...argv, ...places], { env: { CORE_URL: database.url } })
      said.push(ended.stdout, ended.stderr)
      return ended
    },
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  }
}
