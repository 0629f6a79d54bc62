// @ts-check
// `npm run runtimes`: the built package on other runtimes, with the suite of test/runtimes. Their binaries come from npm, once, into a
// cache folder; nothing of it is a dependency. Writes the table in README.md. Ends with 1 when a runtime fails.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { env, exit, stdout } from 'node:process'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const cache = env.GENERATION_JOBS_RUNTIMES ?? join(root, 'node_modules', '.cache', 'runtimes')
const suite = join(root, 'test', 'runtimes', 'suite.mjs')

/** @type {readonly { name: string, install: string, binary: string, args?: readonly string[] }[]} */
const RUNTIMES = [
  ...['20', '22', '24', '26'].map((major) => ({ name: `Node ${major}`, install: `node@${major}`, binary: 'node' })),
  { name: 'Bun', install: 'bun@^1.4.5', binary: 'bun' },
  { name: 'Deno', install: 'deno@^2.9.6', binary: 'deno', args: ['run', '--allow-all', '--no-lock'] },
]

const rows = RUNTIMES.map(({ name, install, binary, args = [] }) => {
  const folder = join(cache, name.replace(' ', '-').toLowerCase())
  const program = join(folder, 'node_modules', '.bin', binary)
  if (!existsSync(program)) installInto(folder, install)
  const version = spawnSync(program, ['--version'], { encoding: 'utf8' }).stdout?.match(/\d+\.\d+\.\d+/)?.[0] ?? ''
  const {
    stdout: output,
    stderr,
    status,
  } = spawnSync(program, [...args, suite], { cwd: root, encoding: 'utf8', timeout: 120_000 })
  const { passed, failed, disconnectMs } = resultIn(output ?? '')
  const ok = status === 0 && passed > 0 && failed.length === 0
  stdout.write(`${ok ? 'ok    ' : 'FAILED'} ${name} ${version}: ${passed} passed, ${failed.length} failed\n`)
  for (const failure of failed) stdout.write(`       ${failure}\n`)
  if (!ok && failed.length === 0) stdout.write(`${stderr}\n`)
  return { ok, row: [name, version, ok ? `${passed} checks pass` : 'fails', `${disconnectMs?.toFixed(1) ?? '-'} ms`] }
})

writeTable(rows.map(({ row }) => row))
exit(rows.every(({ ok }) => ok) ? 0 : 1)

/** @param {string} folder @param {string} install */
function installInto(folder, install) {
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'package.json'), '{ "private": true }')
  spawnSync('npm', ['install', install, '--no-audit', '--no-fund', '--loglevel=error', '--ignore-scripts=false'], {
    cwd: folder,
    stdio: 'inherit',
  })
}

/** @param {string} output @returns {{ passed: number, failed: string[], disconnectMs?: number | null }} */
function resultIn(output) {
  const line = output.trim().split('\n').at(-1) ?? ''
  return line.startsWith('{') ? JSON.parse(line) : { passed: 0, failed: [] }
}

/** @param {string[][]} cells */
function writeTable(cells) {
  const file = join(root, 'README.md')
  const table = [
    ['runtime', 'version', 'result', 'a viewer who leaves is noticed after (median of 10)'],
    ['---', '---', '---', '---'],
    ...cells,
  ]
    .map((row) => `| ${row.join(' | ')} |`)
    .join('\n')
  const text = readFileSync(file, 'utf8')
  const [before = '', rest = ''] = text.split('<!-- runtimes -->\n')
  const after = rest.slice(rest.indexOf('<!-- /runtimes -->'))
  if (rest !== '') writeFileSync(file, `${before}<!-- runtimes -->\n${table}\n${after}`)
}
