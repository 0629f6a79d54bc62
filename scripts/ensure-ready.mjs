// @ts-check
// Runs before `npm start` and `npm test`, so that a bare clone needs no set-up by hand. No dependencies, and plain
// JavaScript for Node 20: at this point nothing may be installed yet.
//   node scripts/ensure-ready.mjs           installs what package-lock.json says, unless it is there
//   node scripts/ensure-ready.mjs --build   and builds dist/ (JavaScript only), unless it is fresh
//   node scripts/ensure-ready.mjs --bench   and builds, and installs what the bench compares with (bench/package-lock.json)
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, realpathSync } from 'node:fs'
import { join } from 'node:path'
import { argv, env, execPath, exit, platform, stderr, version } from 'node:process'
import { fileURLToPath } from 'node:url'
import { isBuildFresh } from './source-hash.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))
const modules = join(root, 'node_modules')
const bench = join(root, 'bench')

/**
 * Installs when node_modules is missing or is not what the lock file says.
 * @returns {number} 0, or npm's exit code
 */
export function ensureInstalled() {
  if (isInstalled(root) && developmentNode()) return 0
  say('Installing dependencies (npm ci); this happens once and takes about a minute.')
  const code = install(root)
  if (code !== 0 || developmentNode()) return code
  say(`Development needs Node 22.18 or later; this is ${version}. The "node" package brings one, but its install`)
  say('script did not run: allow it (npm config set ignore-scripts false), delete node_modules and try again.')
  return 1
}

/**
 * Builds when dist/ is missing or older than the sources. Returns 0, or the exit code of the build.
 * @param {{ types: boolean }} wanted
 */
export function ensureBuilt({ types }) {
  if (isBuildFresh({ types })) return 0
  say(`Building dist/${types ? '' : ' (JavaScript only)'}.`)
  const code = run([
    developmentNode() ?? execPath,
    join(modules, 'tsup', 'dist', 'cli-default.js'),
    '--silent',
    types ? '--dts' : '--no-dts',
  ])
  if (code !== 0) say(`The build failed (exit code ${code}): see the lines above.`)
  return code
}

/** The other libraries of the bench, in bench/node_modules: neither tests nor users need them. */
function ensureBenchInstalled() {
  if (isInstalled(bench)) return 0
  say('Installing the libraries that the bench compares with (npm ci in bench/); this happens once.')
  return install(bench)
}

/**
 * Returns 0, or npm's exit code.
 * @param {string} folder
 */
function install(folder) {
  const npm = env.npm_execpath?.endsWith('.js') ? [execPath, env.npm_execpath] : ['npm']
  const code = run([...npm, 'ci', '--include=dev', '--no-audit', '--no-fund', '--loglevel=error'], folder)
  if (code !== 0) say(`npm ci failed (exit code ${code}): see the lines above. Is the npm registry reachable?`)
  return code
}

/**
 * npm's own record of what it installed last is the stamp; it is written when an install has succeeded.
 * @param {string} folder
 */
function isInstalled(folder) {
  const record = join(folder, 'node_modules', '.package-lock.json')
  if (!existsSync(record)) return false
  const installed = packagesIn(record)
  return Object.entries(packagesIn(join(folder, 'package-lock.json'))).every(([path, wanted]) => {
    // The folder itself, and the package that bench/ links to.
    if (!path.startsWith('node_modules/') || wanted.link === true) return true
    const found = installed[path]
    // Builds for other platforms are listed in the lock and never installed.
    if (!found) return wanted.optional === true
    return found.version === wanted.version && found.integrity === wanted.integrity
  })
}

/**
 * @param {string} file
 * @returns {Record<string, { version?: string, integrity?: string, optional?: boolean, link?: boolean }>}
 */
function packagesIn(file) {
  return JSON.parse(readFileSync(file, 'utf8')).packages
}

/** The Node that npm scripts find first, once installed: tests, build and examples need 22.18, the package itself 20. */
function developmentNode() {
  const packaged = join(modules, 'node', 'bin', 'node')
  if (existsSync(packaged)) return packaged
  const [major = 0, minor = 0] = version.slice(1).split('.').map(Number)
  return major > 22 || (major === 22 && minor >= 18) ? execPath : undefined
}

/**
 * @param {string[]} command
 * @param {string} [folder]
 */
function run(command, folder = root) {
  const [program = '', ...args] = command
  const { status, error } = spawnSync(program, args, {
    cwd: folder,
    // What they report on success is noise here; errors go to stderr.
    stdio: ['ignore', 'ignore', 'inherit'],
    shell: platform === 'win32' && program === 'npm',
  })
  if (error) say(`${program}: ${error.message}`)
  return status ?? 1
}

// stderr: what a command prints for its caller stays clean.
/** @param {string} line */
function say(line) {
  stderr.write(`${line}\n`)
}

if (argv[1] && realpathSync(argv[1]) === fileURLToPath(import.meta.url)) {
  const isBench = argv.includes('--bench')
  const code =
    ensureInstalled() ||
    (argv.includes('--build') || isBench ? ensureBuilt({ types: false }) : 0) ||
    (isBench ? ensureBenchInstalled() : 0)
  exit(code)
}
