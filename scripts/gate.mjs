// @ts-check
// Everything that must hold before a change is shared: `npm run check` runs the tests and each `check:` script of
// package.json, in their order, also after a failure. A script counts as one check, the test run as its tests.
// The last line is `N passed, N failed, N skipped`.
//   --tests-json=<file> --tests-exit=<code>   the tests ran already; take their counts from this report
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { argv, exit, stdout } from 'node:process'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))

/** @type {Record<string, string>} */
const scripts = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).scripts

const total = testCounts()
for (const script of Object.keys(scripts).filter((name) => name.startsWith('check:'))) {
  if (runStep(script)) total.passed += 1
  else total.failed += 1
}
stdout.write(`\n${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped\n`)
exit(total.failed > 0 ? 1 : 0)

function testCounts() {
  const given = option('tests-json')
  if (given) return countsIn(given, Number(option('tests-exit') ?? 1))
  const folder = mkdtempSync(join(tmpdir(), 'generation-jobs-'))
  const report = join(folder, 'tests.json')
  try {
    const { status } = spawnSync(`npm test -- --reporter=default --reporter=json --outputFile.json="${report}"`, {
      cwd: root,
      shell: true,
      stdio: 'inherit',
    })
    return countsIn(report, status ?? 1)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/**
 * @param {string} report of vitest's json reporter
 * @param {number} exitCode of the test run
 */
function countsIn(report, exitCode) {
  const counts = existsSync(report) ? JSON.parse(readFileSync(report, 'utf8')) : {}
  const passed = counts.numPassedTests ?? 0
  // A file that does not load fails without a failed test, and so does a run with an unhandled rejection or no test.
  const failed = (counts.numFailedTests ?? 0) + (counts.testResults ?? []).filter(isBroken).length
  const unseen = failed === 0 && (exitCode !== 0 || passed === 0) ? 1 : 0
  return {
    passed,
    failed: failed + unseen,
    skipped: (counts.numPendingTests ?? 0) + (counts.numTodoTests ?? 0),
  }
}

/** @param {{ status: string, assertionResults: { status: string }[] }} file */
function isBroken({ status, assertionResults }) {
  return status === 'failed' && !assertionResults.some((test) => test.status === 'failed')
}

/** @param {string} script */
function runStep(script) {
  const { status, ...output } = spawnSync(`npm run --silent ${script}`, {
    cwd: root,
    shell: true,
    encoding: 'utf8',
  })
  const ok = status === 0
  stdout.write(`${ok ? 'ok    ' : 'FAILED'} ${script} (${scripts[script]})\n`)
  if (!ok) stdout.write(`${output.stdout}${output.stderr}\n`)
  return ok
}

/** @param {string} name */
function option(name) {
  return argv.find((arg) => arg.startsWith(`--${name}=`))?.slice(name.length + 3)
}
