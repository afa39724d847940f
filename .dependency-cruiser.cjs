// The house's arrows, checked: outer rooms -> manager -> temps, handoff, sweep -> session, streams -> disk ->
// names, errors. Promise: no cycle of files anywhere, and no arrow that points back.

/** What each room may import, besides itself. `*.ts` are files that stand in src itself. */
const GROUND = [
  'errors',
  'names',
  'quantities',
  'known-options',
  'observe',
  'abort',
  'disposal',
  'late',
  'progress',
] // names, errors: the bottom of the house
const ROOMS = {
  disk: [...GROUND],
  streams: ['disk', ...GROUND],
  session: ['disk', 'context', 'options', ...GROUND],
  handoff: ['session', 'streams', 'disk', 'sweep', 'context', 'options', ...GROUND],
  sweep: ['session', 'streams', 'disk', 'handoff', 'context', 'options', ...GROUND],
  temps: ['sweep', 'handoff', 'session', 'streams', 'disk', 'context', 'options', ...GROUND],
  http: ['index', ...GROUND],
  express: ['http', 'index', ...GROUND],
  fastify: ['http', 'index', ...GROUND],
  // The command line also looks below the manager: under whose lock a sweep runs, and whether evidence works here.
  cli: [
    'index',
    'session/layout',
    'session/lease',
    'sweep/sweep-lock',
    'sweep/evidence',
    'disk/mounts',
    ...GROUND,
  ],
}

const allowed = (room, rooms) =>
  `^src/(?:${[room, ...rooms].map((name) => (name in ROOMS ? `${name}/` : `${name}\\.ts$`)).join('|')})`

module.exports = {
  forbidden: [
    {
      name: 'no-cycles',
      comment: 'Two files that need each other are one file, or a third one is missing. Types may look back.',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'no-orphans',
      comment: 'A file that nobody imports is dead, unless it is an entry.',
      severity: 'error',
      from: { orphan: true, pathNot: '^src/(?:index|http/index|express/index|fastify/index|cli/main)\\.ts$' },
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
        dependencyTypesNot: ['type-only'],
      },
    },
    {
      name: 'src-imports-src',
      severity: 'error',
      from: { path: '^src' },
      to: { path: '^(?:test|examples|bench|dist|scripts)' },
    },
    ...Object.entries(ROOMS).map(([room, rooms]) => ({
      name: `arrows-of-${room}`,
      comment: `${room} may use ${rooms.join(', ')}. Types may look up: they are erased.`,
      severity: 'error',
      from: { path: `^src/${room}/` },
      to: { path: '^src/', pathNot: allowed(room, rooms), dependencyTypesNot: ['type-only'] },
    })),
    {
      name: 'arrows-of-the-ground',
      comment: 'The ground files stand on nothing but each other.',
      severity: 'error',
      from: { path: `^src/(?:${GROUND.join('|')})\\.ts$` },
      to: { path: '^src/', pathNot: `^src/(?:${GROUND.join('|')})\\.ts$`, dependencyTypesNot: ['type-only'] },
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
