import { builtinModules } from 'node:module'

// Our own code, minified and compressed: what a reader has to trust. Dependencies and Node itself are not counted,
// but for zod/mini, which is bundled: 8 kB of each entry that checks options.
const ignore = ['eventemitter3', 'pino', 'zod', ...builtinModules.map((name) => `node:${name}`)]

export default [
  { name: 'generation-jobs', path: 'dist/index.js', limit: '36 kB', ignore },
  { name: 'generation-jobs/dialogue', path: 'dist/dialogue.js', limit: '37 kB', ignore },
  { name: 'generation-jobs/providers', path: 'dist/providers.js', limit: '7 kB', ignore: [] },
  { name: 'generation-jobs/http', path: 'dist/http.js', limit: '14 kB', ignore },
  { name: 'generation-jobs/node', path: 'dist/node.js', limit: '1 kB', ignore: [...ignore, '@whatwg-node/server'] },
  // A browser loads these: with the parser of the stream, and nothing of the server.
  { name: 'generation-jobs/client', path: 'dist/client.js', limit: '6.3 kB', gzip: true, ignore: [] },
  { name: 'generation-jobs/react', path: 'dist/react.js', limit: '2 kB', gzip: true, ignore: ['react'] },
  { name: 'generation-jobs/redis', path: 'dist/redis.js', limit: '14 kB', ignore },
  { name: 'generation-jobs/bullmq', path: 'dist/bullmq.js', limit: '15 kB', ignore },
  { name: 'generation-jobs/otel', path: 'dist/otel.js', limit: '6 kB', ignore: [...ignore, '@opentelemetry/api'] },
  // A third of it is the manager, which cancelAt and the contract of producers load when they are called.
  { name: 'generation-jobs/testing', path: 'dist/testing.js', limit: '68 kB', ignore },
]
