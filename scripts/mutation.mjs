// @ts-check
// `npm run mutation`: plants one fault after the other in a copy of src/ and lets the explorer, and only it, look for it. A fault that
// is not found is a hole in the invariants or the scenarios. Ends with 1 then, and when a fault does not fit the source any more.
//   --only=words   the faults that have these words in their names
import { spawn } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { argv, env, execPath, exit, stdout } from 'node:process'
import { fileURLToPath } from 'node:url'
import { PLANTED_FAULTS } from '../test/mutation/planted-faults.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const LIMIT_MS = 300_000
const only = argv.find((arg) => arg.startsWith('--only='))?.slice('--only='.length) ?? ''
const faults = PLANTED_FAULTS.filter(({ name }) => name.includes(only))

const misfits = faults.flatMap(({ name, edits }) =>
  edits.filter((edit) => count(read(root, edit), edit.find) !== 1).map(({ file, find }) => ({ name, file, find })),
)
for (const { name, file, find } of misfits) {
  stdout.write(`does not fit any more: "${name}": expected once in src/${file}:\n${find}\n\n`)
}
if (misfits.length > 0) exit(1)

/** @type {string[]} */
const survivors = []
const queue = [...faults.entries()]
await Promise.all(Array.from({ length: availableParallelism() }, work))
stdout.write(`\n${faults.length - survivors.length} of ${faults.length} faults found by the explorer\n`)
for (const name of survivors) stdout.write(`NOT FOUND: ${name}\n`)
exit(survivors.length > 0 ? 1 : 0)

async function work() {
  for (let next = queue.shift(); next; next = queue.shift()) {
    const [, { name, edits }] = next
    const startedAt = performance.now()
    const found = await explore(edits)
    const seconds = ((performance.now() - startedAt) / 1_000).toFixed(1)
    if (!found.invariant) survivors.push(name)
    const how = found.invariant
      ? `${found.invariant.padEnd(9)} ${String(found.schedules).padStart(6)} schedules  ${seconds} s\n      ${found.scenario}: ${found.schedule}`
      : `NOT FOUND in ${found.schedules} schedules, ${seconds} s ${found.message ?? ''}`
    stdout.write(`${name}\n      ${how}\n`)
  }
}

/**
 * @param {readonly import('../test/mutation/planted-faults.ts').Edit[]} edits
 * @returns {Promise<{ schedules: number, scenario?: string, invariant?: string, schedule?: string, message?: string }>}
 */
async function explore(edits) {
  const copy = mkdtempSync(join(tmpdir(), 'generation-jobs-fault-'))
  try {
    cpSync(join(root, 'src'), join(copy, 'src'), { recursive: true })
    cpSync(join(root, 'package.json'), join(copy, 'package.json'))
    symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'))
    for (const edit of edits)
      writeFileSync(
        join(copy, 'src', edit.file),
        read(copy, edit).replace(edit.find, () => edit.replace),
      )
    return await search(copy)
  } finally {
    rmSync(copy, { recursive: true, force: true })
  }
}

/**
 * @param {string} copy
 * @returns {ReturnType<typeof explore>}
 */
function search(copy) {
  return new Promise((resolve) => {
    const hooks = join(root, 'test/support/package-hooks.mjs')
    const program = join(root, 'test/mutation/find-violation.ts')
    const child = spawn(execPath, ['--import', hooks, program], {
      env: { ...env, GENERATION_JOBS_ROOT: copy },
      timeout: LIMIT_MS,
    })
    let output = ''
    let errors = ''
    child.stdout.on('data', (data) => {
      output += data
    })
    child.stderr.on('data', (data) => {
      errors += data
    })
    child.on('close', (code, signal) => {
      try {
        resolve(JSON.parse(output))
      } catch {
        resolve({ schedules: 0, message: `(${signal ?? `exit code ${code}`}) ${errors.slice(-600)}` })
      }
    })
  })
}

/**
 * @param {string} base
 * @param {import('../test/mutation/planted-faults.ts').Edit} edit
 */
function read(base, { file }) {
  return readFileSync(join(base, 'src', file), 'utf8')
}

/**
 * @param {string} text
 * @param {string} part
 */
function count(text, part) {
  return part === '' ? 0 : text.split(part).length - 1
}
