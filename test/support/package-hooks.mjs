// For programs that run on src/ as it stands: `node --import ./test/support/package-hooks.mjs program.ts`.
// GENERATION_JOBS_ROOT names another copy of the repository whose src/ is to be used.
import { registerHooks } from 'node:module'
import { env } from 'node:process'
import { pathToFileURL } from 'node:url'

const root = env.GENERATION_JOBS_ROOT
  ? pathToFileURL(`${env.GENERATION_JOBS_ROOT}/`).href
  : new URL('../../', import.meta.url).href
const inTypeScript = /\.ts$/

registerHooks({
  resolve(specifier, context, next) {
    const entry = /^generation-jobs(?:\/([\w-]+))?$/.exec(specifier)
    if (entry) return next(`${root}src/${entry[1] === undefined ? '' : `${entry[1]}/`}index.ts`, context)
    const written = specifier.startsWith('.') && specifier.endsWith('.js') && inTypeScript.test(context.parentURL ?? '')
    return next(written ? specifier.replace(/\.js$/, '.ts') : specifier, context)
  },
})
