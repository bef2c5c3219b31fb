import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

export default defineConfig({
  resolve: {
    alias: {
      // The source of the workspace, so that tests need no build.
      '@viur-session/cloud-tasks-server': fileURLToPath(
        new URL('src/cloud-tasks-server/index.ts', import.meta.url),
      ),
    },
  },
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
