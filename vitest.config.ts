import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/setup/emulators.ts'],
    setupFiles: ['test/setup/watch.ts'],
    // The first call of a client loads some hundred modules, and two emulators share the machine.
    testTimeout: 30_000,
    hookTimeout: 60_000,
    env: { METADATA_SERVER_DETECTION: 'none' },
  },
})
