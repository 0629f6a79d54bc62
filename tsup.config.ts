import { defineConfig } from 'tsup'
import { sourceHash, stampBuild } from './scripts/source-hash.mjs'

/** The one list of package entries: name in the exports map (`index` is `.`) and its source. */
export const entries = {
  index: 'src/index.ts',
  dialogue: 'src/dialogue/index.ts',
  providers: 'src/providers/index.ts',
  http: 'src/http/index.ts',
  node: 'src/node/index.ts',
  client: 'src/client/index.ts',
  react: 'src/react/index.ts',
  redis: 'src/redis/index.ts',
  bullmq: 'src/bullmq/index.ts',
  otel: 'src/otel/index.ts',
  testing: 'src/testing/index.ts',
}

export default defineConfig((flags) => {
  const types = flags.dts !== false
  // Taken before the build reads the sources: an edit meanwhile makes the stamp stale, never wrongly fresh.
  const hash = sourceHash()
  return {
    entry: entries,
    format: ['esm', 'cjs'],
    target: 'node20',
    dts: types,
    splitting: true,
    sourcemap: true,
    clean: true,
    removeNodeProtocol: false,
    // The first two are ESM only: bundled, so that require() works on every supported Node. zod/mini and its English words are
    // bundled because the whole of zod is 100 ms of processor time at import (measured), and the part that is used is 14.
    noExternal: ['p-timeout', 'eventsource-parser', /^zod\/(mini|locales)$/],
    onSuccess: async () => stampBuild(hash, { types }),
  }
})
