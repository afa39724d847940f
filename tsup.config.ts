import { defineConfig } from 'tsup'

// One build of every entry in both formats. `splitting` keeps one copy of each class per format, so an
// error made by temp-file-manager/http is an instance of the core's class. `bytes` is inlined: the core
// loads nothing but `debug` at import.
export default defineConfig({
  entry: {
    index: 'src/index.ts',
    'http/index': 'src/http/index.ts',
    'express/index': 'src/express/index.ts',
    'fastify/index': 'src/fastify/index.ts',
    'cli/main': 'src/cli/main.ts',
  },
  format: ['esm', 'cjs'],
  target: 'node20',
  platform: 'node',
  splitting: true,
  shims: true,
  clean: true,
  sourcemap: false,
  treeshake: false,
  noExternal: ['bytes'],
  dts: { entry: { index: 'src/index.ts', 'http/index': 'src/http/index.ts', 'express/index': 'src/express/index.ts', 'fastify/index': 'src/fastify/index.ts' }, banner: '/// <reference types="node" />' },
})
