// The files that a user downloads. Guarantee: exactly this list. The names of chunks contain hashes, so the list has their
// kinds.

import assert from 'node:assert/strict'

const EXPECTED = [
  'CHANGELOG.md',
  'LICENSE',
  'README.md',
  'dist/chunk-*.cjs',
  'dist/cli/main.js',
  'dist/esm/chunk-*.js',
  'dist/esm/express/index.js',
  'dist/esm/fastify/index.js',
  'dist/esm/http/index.js',
  'dist/esm/index.js',
  'dist/esm/node-test/index.js',
  'dist/esm/resumable/index.js',
  'dist/esm/s3/index.js',
  'dist/esm/tus/index.js',
  'dist/esm/vitest/index.js',
  'dist/express/index.cjs',
  'dist/express/index.d.cts',
  'dist/express/index.d.ts',
  'dist/express/index.js',
  'dist/fastify/index.cjs',
  'dist/fastify/index.d.cts',
  'dist/fastify/index.d.ts',
  'dist/fastify/index.js',
  'dist/http/index.cjs',
  'dist/http/index.d.cts',
  'dist/http/index.d.ts',
  'dist/http/index.js',
  'dist/imported.cjs',
  'dist/index.cjs',
  'dist/index.d.cts',
  'dist/index.d.ts',
  'dist/index.js',
  'dist/node-test/index.cjs',
  'dist/node-test/index.d.cts',
  'dist/node-test/index.d.ts',
  'dist/node-test/index.js',
  'dist/resumable/index.cjs',
  'dist/resumable/index.d.cts',
  'dist/resumable/index.d.ts',
  'dist/resumable/index.js',
  'dist/s3/index.cjs',
  'dist/s3/index.d.cts',
  'dist/s3/index.d.ts',
  'dist/s3/index.js',
  'dist/tus/index.cjs',
  'dist/tus/index.d.cts',
  'dist/tus/index.d.ts',
  'dist/tus/index.js',
  'dist/types-*.d.cts',
  'dist/types-*.d.ts',
  'dist/vitest/index.cjs',
  'dist/vitest/index.d.cts',
  'dist/vitest/index.d.ts',
  'dist/vitest/index.js',
  'package.json',
]

/** Chunks by kind: 'chunk-3reibbuv.js' and 'manager-Bglras-S.d.ts'. */
function kindOf(path) {
  return path
    .replace(/^dist\/(esm\/)?chunk-[a-z0-9]{8}\.(c?js)$/, 'dist/$1chunk-*.$2')
    .replace(/^dist\/[a-z-]+-[\w-]{8}\.d\.(c?ts)$/, 'dist/types-*.d.$1')
}

export function checkContents(files) {
  assert.deepEqual([...new Set(files.map(kindOf))].sort(), EXPECTED)
  return `${files.length} files`
}
