import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'
import { filesOf, type Project } from './test/setup/projects.ts'

const cloudTasksServer = fileURLToPath(new URL('src/cloud-tasks-server/index.ts', import.meta.url))

/** Settings that all projects share, with the set-up that this project runs before its first test. */
function project(name: Project, stores: 'memory' | 'emulators' | 'all', globalSetup: string[]) {
  return {
    // Tests use the source of the workspace, so that they need no build.
    resolve: { alias: { '@viur-session/cloud-tasks-server': cloudTasksServer } },
    test: {
      name,
      include: filesOf(name),
      globalSetup,
      setupFiles: ['test/setup/fresh.ts', 'test/setup/assertions.ts', 'test/setup/watch.ts'],
      expect: { requireAssertions: true },
      sequence: { setupFiles: 'list' as const },
      // Many files run in one process, see test/setup/fresh.ts.
      isolate: false,
      // A busy machine may be slow. No test needs this time unless something is wrong. One of *slow* takes half a minute
      // on a quiet machine.
      testTimeout: name === 'slow' ? 900_000 : 120_000,
      hookTimeout: 120_000,
      env: {
        METADATA_SERVER_DETECTION: 'none',
        VIUR_TEST_PROJECT: name,
        VIUR_TEST_STORES: stores,
      },
    },
  }
}

export default defineConfig({
  test: {
    // Keeps the translated modules between runs: of the time of a single file, translating takes more than its tests.
    experimental: { fsModuleCache: true },
    maxWorkers: availableParallelism(),
    reporters: ['default', './test/setup/left-out.ts'],
    projects: [
      project('unit', 'memory', []),
      project('http', 'memory', []),
      project('emulator', 'emulators', ['test/setup/emulators.ts', 'test/setup/apps-folder.ts']),
      project('browser', 'memory', ['test/setup/browser.ts']),
      project('slow', 'all', [
        'test/setup/emulators.ts',
        'test/setup/browser.ts',
        'test/setup/apps-folder.ts',
      ]),
    ],
  },
})
