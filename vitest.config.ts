import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['test/services/**', 'test/soak/**', 'test/bench/**', 'node_modules/**'],
    globalSetup: ['test/support/global-setup.ts'],
    passWithNoTests: false,
    testTimeout: 60_000,
    hookTimeout: 60_000,
    maxWorkers: 2,
    // Its modules import directories, which Node does not resolve.
    server: { deps: { inline: ['dt-sql-parser'] } },
    coverage: { provider: 'v8', include: ['connectors/**', 'integrations/**', 'orchestration/**', 'config/**'] },
  },
})
