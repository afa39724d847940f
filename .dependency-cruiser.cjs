// The direction of imports, checked: outer rooms -> manager -> uploads, temps, sweep -> handoff -> removal -> session,
// claimable -> liveness, streams -> disk -> the ground. Guarantee: no cycle of files, and none of rooms.

/** The ground: what every room may import. Names ending in `/` are rooms, the others are files of src. */
const GROUND = ['errors', 'layout', 'types', 'types/', 'input/', 'runtime/', 'platform/', 'on-demand']
/** Settings and state of one manager that its rooms share. */
const SHARED = ['context', 'manager-options', 'quota']

/** What each room may import, besides itself and the ground. */
const ROOMS = {
  'disk/': [],
  'file-types/': ['disk/'],
  'streams/': ['disk/', 'file-types/', 'quota'],
  'liveness/': ['disk/'],
  'claimable/': ['liveness/', 'disk/'],
  'session/': ['liveness/', 'disk/', ...SHARED],
  'removal/': ['claimable/', 'session/', 'liveness/', 'disk/', ...SHARED],
  'handoff/': ['claimable/', 'removal/', 'session/', 'liveness/', 'streams/', 'disk/', ...SHARED],
  'sweep/': [
    'uploads/list-uploads', // usage() lists what the manager lists
    'uploads/upload-types',
    'claimable/',
    'handoff/',
    'removal/',
    'session/',
    'liveness/',
    'disk/',
    ...SHARED,
  ],
  'uploads/': [
    'temps/',
    'handoff/',
    'claimable/',
    'removal/',
    'session/',
    'liveness/',
    'streams/',
    'file-types/',
    'disk/',
    ...SHARED,
  ],
  'temps/': ['handoff/', 'removal/', 'session/', 'liveness/', 'streams/', 'file-types/', 'disk/', ...SHARED],
  'http/': ['index', 'streams/', 'file-types/'],
  'resumable/': ['http/', 'index', 'file-types/', 'uploads/'],
  'tus/': ['http/', 'index', 'streams/receive-options', 'file-types/', 'uploads/'],
  'express/': ['http/', 'streams/', 'index'],
  'fastify/': ['http/', 'index'],
  'types/': ['input/'],
  's3/': ['index', 'claimable/'],
  'testing/': ['index'],
  'vitest/': ['testing/', 'index'],
  'node-test/': ['testing/', 'index'],
  // The command line also looks below the manager: under whose lock a sweep runs, and whether evidence works here.
  'cli/': ['index', 'liveness/', 'sweep/', 'disk/'],
}

const allowed = (room, rooms) =>
  `^src/(?:${[room, ...GROUND, ...rooms].map((name) => (name.endsWith('/') ? name : `${name}\\.ts$`)).join('|')})`

module.exports = {
  forbidden: [
    {
      name: 'no-cycles',
      comment:
        'Two files that need each other are one file, or a third one is missing. on-demand.ts loads what is built on top of its users, once they are loaded.',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { pathNot: '^src/on-demand\\.ts$' } },
    },
    {
      name: 'no-orphans',
      comment: 'A file that no other imports is dead, unless it is an entry point.',
      severity: 'error',
      from: {
        orphan: true,
        pathNot:
          '^src/(?:index|http/index|express/index|fastify/index|s3/index|resumable/index|tus/index|vitest/index|node-test/index|cli/main)\\.ts$',
      },
      to: {},
    },
    {
      name: 'runtime-dependencies-are-declared',
      severity: 'error',
      comment: 'bytes is inlined by the build (tsup.config.ts), so it is a development dependency.',
      from: { path: '^src' },
      to: {
        pathNot: '^node_modules/bytes/',
        dependencyTypes: ['npm-no-pkg', 'npm-unknown', 'npm-dev'],
        dependencyTypesNot: ['type-only', 'npm-peer'],
      },
    },
    {
      name: 'src-imports-src',
      severity: 'error',
      from: { path: '^src' },
      to: { path: '^(?:test|examples|bench|dist|scripts)' },
    },
    ...Object.entries(ROOMS).map(([room, rooms]) => ({
      name: `arrows-of-${room.slice(0, -1)}`,
      comment: `${room} may use ${rooms.join(', ')}. Types may look up: they are erased.`,
      severity: 'error',
      from: { path: `^src/${room}` },
      to: { path: '^src/', pathNot: allowed(room, rooms), dependencyTypesNot: ['type-only'] },
    })),
    {
      name: 'arrows-of-the-ground',
      comment: 'The ground files import nothing but each other.',
      severity: 'error',
      from: { path: allowed('errors', []), pathNot: '^src/on-demand\\.ts$' },
      to: { path: '^src/', pathNot: allowed('errors', []), dependencyTypesNot: ['type-only'] },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'types', 'node', 'default'],
    },
  },
}
