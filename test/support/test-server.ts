/** How every test server is set up; free of vitest, so that the run's own process can start one too. */
import { type PostgresOptions, type PostgresServer, startPostgres } from '../../orchestration/dev/embedded-postgres.ts'

/** Nothing needs to survive the machine; `synchronous_commit` stays on, or peeking at a slot misses the newest commits. */
const TEST_SETTINGS = { fsync: 'off', full_page_writes: 'off', synchronous_commit: 'on', max_worker_processes: '16' }

export function startTestServer(options: PostgresOptions = {}): Promise<PostgresServer> {
  const binDir = options.binDir ?? process.env.PORTAGE_TEST_POSTGRES_BIN
  return startPostgres({ ...options, ...(binDir ? { binDir } : {}), settings: { ...TEST_SETTINGS, ...options.settings } })
}
