// @ts-check
// `npm run check:licences`: what users install with the package, or get bundled in it, is under a licence that asks nothing of them.
import { readFileSync } from 'node:fs'
import { exit, stdout } from 'node:process'

const ALLOWED = ['MIT', 'ISC', 'BSD-2-Clause', 'BSD-3-Clause', 'Apache-2.0', '0BSD']
/** Parts of the built files; see `noExternal` in tsup.config.ts. */
const BUNDLED = ['p-timeout', 'eventsource-parser']

/** @type {{ packages: Record<string, { license?: string, dependencies?: Record<string, string> }> }} */
const { packages } = JSON.parse(readFileSync(new URL('../package-lock.json', import.meta.url), 'utf8'))

/** @type {Set<string>} */
const found = new Set()
const root = packages['']
const queue = [...Object.keys(root?.dependencies ?? {}), ...BUNDLED]
for (let name = queue.pop(); name; name = queue.pop()) {
  if (found.has(name)) continue
  found.add(name)
  queue.push(...Object.keys(packages[`node_modules/${name}`]?.dependencies ?? {}))
}

const refused = [...found].filter((name) => !ALLOWED.includes(packages[`node_modules/${name}`]?.license ?? ''))
for (const name of refused)
  stdout.write(`${name}: ${packages[`node_modules/${name}`]?.license ?? 'no licence is stated'}\n`)
stdout.write(`${found.size} packages reach users, ${refused.length} of them under a licence that is not on the list\n`)
exit(refused.length > 0 || found.size < 5 ? 1 : 0)
