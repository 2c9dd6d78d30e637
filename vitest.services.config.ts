import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/services/**/*.test.ts'],
    globalSetup: ['test/support/services/global-setup.ts', 'test/support/global-setup.ts'],
    passWithNoTests: false,
    testTimeout: 300_000,
    hookTimeout: 300_000,
    maxWorkers: 2,
  },
})
