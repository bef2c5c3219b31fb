// Rules for imports between files, types included. `npm run arrows` fails on a circle of files, and on an upward import:
// the rooms (folders of src) have one order, and each imports only from itself and from the rooms before it.

const ROOMS = [
  'base/',
  'record/',
  'google/',
  'store/',
  'write/',
  'end/',
  'request/',
  'sweep/',
  'options.ts',
  'sessions-interface.ts',
  'sessions-door.ts',
  'sessions.ts',
  'index.ts',
  'migrate/',
  'cookie-sessions/',
  'cloud-tasks/',
  'node/',
  'express/',
  'fetch/',
  'fastify/',
  'express-session/',
  'stores/',
  'telemetry/',
  'testing/',
  'cloud-tasks-server/',
  'cli/',
  'app/',
]

/** Files that may import all options. Every other file declares the options that it needs, in its own interface. */
const COMPOSITION = [
  '^src/(sessions|index)\\.ts$',
  '^src/express-session/stored-options\\.ts$',
  '^src/cookie-sessions/options\\.ts$',
]

const MIGRATE = '^src/migrate/'

const SERVER = '^src/cloud-tasks-server/'

function pathOf(room) {
  return room.endsWith('/') ? `^src/${room}` : `^src/${room.replace('.', '\\.')}$`
}

function rule(name, comment, from, to) {
  return { name, comment, severity: 'error', from, to }
}

/** @type {import('dependency-cruiser').IConfiguration} */
export default {
  forbidden: [
    rule(
      'circle',
      'Files that import each other can only be understood together.',
      {},
      { circular: true },
    ),
    ...ROOMS.slice(0, -1).map((room, place) =>
      rule(
        `up-from-${room.replace(/\/$/, '')}`,
        'A room imports only from rooms before it: move what both need down, or declare what is needed.',
        { path: pathOf(room) },
        { path: ROOMS.slice(place + 1).map(pathOf) },
      ),
    ),
    rule(
      'options-only-in-the-composition',
      'A room declares the settings that it needs as an interface of its own.',
      { path: '^src/', pathNot: COMPOSITION },
      { path: '^src/options\\.ts$' },
    ),
    rule(
      'plug-in',
      'An app that does not migrate loads nothing of migrations: whoever takes a source asks by its interface.',
      { path: '^src/', pathNot: MIGRATE },
      { path: MIGRATE },
    ),
    rule(
      'package-of-its-own',
      'The local Cloud Tasks server is used without this package.',
      { path: SERVER },
      { path: '^src/', pathNot: SERVER },
    ),
    rule(
      'by-package-name',
      'The local Cloud Tasks server is a package of its own: import it by its name.',
      { path: '^src/', pathNot: SERVER },
      { path: SERVER, dependencyTypes: ['local'] },
    ),
    rule(
      'room-without-a-place',
      'A new room gets its place in ROOMS.',
      { path: '^src/', pathNot: ROOMS.map(pathOf) },
      {},
    ),
    rule(
      'import-of-nothing',
      'The import cannot be resolved, so it cannot be checked.',
      {},
      { path: '^\\.', couldNotResolve: true },
    ),
  ],
  options: {
    // TypeScript 7 has no parser that other tools can call.
    parser: 'swc',
    // Type-only imports count.
    tsPreCompilationDeps: true,
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '(^|/)dist/' },
  },
}
