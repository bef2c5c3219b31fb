/**
 * The entries of the package: the name of their files, and the module in `dist` of each. `exports` and `typesVersions`
 * of package.json follow from them, see test/exports.test.ts.
 *
 * @type {Readonly<Record<string, string>>}
 */
export const ENTRIES = {
  index: 'index',
  datastore: 'store/datastore/index',
  migrate: 'migrate/index',
  tasks: 'cloud-tasks/index',
  express: 'express/index',
  fastify: 'fastify/index',
  fetch: 'fetch/index',
  node: 'node/index',
  'express-session': 'express-session/index',
  'cookie-sessions': 'cookie-sessions/index',
  sqlite: 'store/sqlite/index',
  stores: 'stores/index',
  telemetry: 'telemetry/index',
  testing: 'testing/index',
}
