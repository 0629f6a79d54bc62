import { builtinModules } from 'node:module'

// Our own code, minified and compressed: what a reader has to trust. Dependencies and Node itself are not counted.
const ignore = ['eventemitter3', 'pino', 'zod', ...builtinModules.map((name) => `node:${name}`)]

export default [
  { name: 'generation-jobs', path: 'dist/index.js', limit: '26 kB', ignore },
  { name: 'generation-jobs/dialogue', path: 'dist/dialogue.js', limit: '28 kB', ignore },
  { name: 'generation-jobs/client', path: 'dist/client.js', limit: '6144 B', gzip: true, ignore: [] },
  { name: 'generation-jobs/react', path: 'dist/react.js', limit: '2048 B', gzip: true, ignore: ['react'] },
  { name: 'generation-jobs/providers', path: 'dist/providers.js', limit: '7 kB', ignore: [] },
  // A third of it is the manager, which cancelAt and the contract of producers load when they are called.
  { name: 'generation-jobs/testing', path: 'dist/testing.js', limit: '57 kB', ignore },
]
