// For child processes that run src/ as it stands: `node --import ./source-hooks.mjs child.ts`.
import { registerHooks } from 'node:module'

const inSource = /\/src\/.*\.ts$/

registerHooks({
  resolve(specifier, context, next) {
    const relative = specifier.startsWith('.') && specifier.endsWith('.js')
    const written = relative && inSource.test(context.parentURL ?? '')
    return next(written ? specifier.replace(/\.js$/, '.ts') : specifier, context)
  },
})
