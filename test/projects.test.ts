import { expect, it } from 'vitest'
import { emulatorsOf, filesOf, PROJECTS } from './setup/projects.ts'

const OLDER = 'DATASTORE_EMULATOR_HOST'
const NEWER = 'VIUR_TEST_NEWER_EMULATOR_HOST'

it.each([
  ['all files', [], [OLDER, NEWER]],
  ['a suite on all stores', ['test/end/kills.test.ts'], [OLDER, NEWER]],
  [
    'a suite on both programs over both transports',
    ['./test/emulator/contract.test.ts'],
    [OLDER, NEWER],
  ],
  ['a test on the older program, named by its line', ['emulator/no-proxy.test.ts:12'], [OLDER]],
  ['a file that uses no emulator', ['property/codec.long.test.ts'], []],
  ['two files', ['property/codec.long', 'emulator/no-proxy'], [OLDER]],
  [
    'a file whose helper uses emulators',
    ['test/migrate/connect-datastore.test.ts'],
    [OLDER, NEWER],
  ],
  ['a file of another project', ['emulator/changing-processes.slow'], []],
  ['a file of no project', ['nowhere.test.ts'], []],
])('%s: only the emulator programs that are asked for are started', (_, chosen, expected) => {
  expect(emulatorsOf('emulator', chosen)).toEqual(expected)
})

it('puts each test file into a project, and files that take seconds only into emulator', () => {
  const [unit, http, emulator, browser] = PROJECTS.map(filesOf)
  const long = emulator?.filter((file) => file.endsWith('.long.test.ts')) ?? []
  expect(long.length).toBeGreaterThan(10)
  expect([...(unit ?? []), ...(http ?? [])].filter((file) => file.includes('.long.'))).toEqual([])
  expect(unit).toContain('test/projects.test.ts')
  const others = [...(http ?? []), ...(browser ?? [])]
  expect(others.filter((file) => unit?.includes(file))).toEqual([])
  expect(http).toContain('test/express/held-response.test.ts')
})

it('puts suites on transports, and matrices, into slow too', () => {
  const slow = filesOf('slow')
  expect(slow).toContain('test/emulator/contract.test.ts')
  expect(slow).toContain('test/browser/looks.test.ts')
  expect(slow).not.toContain('test/end/kills.test.ts')
  const onlySlow = slow.filter((file) => !/\.slow\.|^test\/slow\//.test(file))
  const fast = PROJECTS.filter((name) => name !== 'slow').flatMap(filesOf)
  expect(onlySlow.filter((file) => !fast.includes(file))).toEqual([])
})
