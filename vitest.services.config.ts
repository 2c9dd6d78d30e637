import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    // The Postgres suites run here a second time, on Debian's server.
    include: ['test/services/**/*.test.ts', 'test/connectors/postgres/**/*.test.ts'],
    globalSetup: ['test/support/services/global-setup.ts', 'test/support/global-setup.ts'],
    passWithNoTests: false,
    testTimeout: 300_000,
    hookTimeout: 300_000,
    maxWorkers: 2,
  },
})
