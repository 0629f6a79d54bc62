// `npm run bench` asks all questions, `npm run bench -- pump memory` some of them; `--rounds 11` for a surer answer.
// Prints the report and writes it with its plots to bench/results/<time>/; `--publish` copies them to docs/performance/.
import { fork, spawnSync } from 'node:child_process'
import { argv, exit, stderr, stdout } from 'node:process'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import type { Row } from './measure/row.ts'
import { buildPumpAlone } from './pump-alone/build.ts'
import { QUESTIONS } from './questions.ts'
import type { Answer } from './report/answer.ts'
import { publish, writeReport } from './report/write.ts'

const { values, positionals } = parseArgs({
  args: argv.slice(2),
  allowPositionals: true,
  options: {
    rounds: { type: 'string', default: '5' },
    list: { type: 'boolean', default: false },
    publish: { type: 'boolean', default: false },
  },
})
const rounds = Number(values.rounds)
const names = positionals.flatMap(namesOf)
if (names.includes('') || !Number.isInteger(rounds) || rounds < 1) {
  stderr.write(`expected names or groups among ${Object.keys(QUESTIONS).join(', ')} and --rounds of 1 or more\n`)
  exit(2)
}
if (values.list) {
  for (const [name, { title }] of Object.entries(QUESTIONS)) stdout.write(`${name.padEnd(18)} ${title}\n`)
  exit(0)
}

await buildPumpAlone()
const answers: Answer[] = []
for (const name of names.length > 0 ? names : Object.keys(QUESTIONS)) answers.push(await answer(name))
const { folder, report } = await writeReport(answers, rounds)
if (values.publish) publish(folder)
stdout.write(`${report}\nwritten to ${folder}\n`)
exit(answers.some(({ failed }) => failed) ? 1 : 0)

/** A question's own name, or the first word of several: `redis` asks all of Redis. Nothing fits: an empty name. */
function namesOf(word: string): string[] {
  if (QUESTIONS[word]) return [word]
  const group = Object.keys(QUESTIONS).filter((name) => name.startsWith(`${word}-`))
  return group.length > 0 ? group : ['']
}

async function answer(name: string): Promise<Answer> {
  const { title = name, needs = [] } = QUESTIONS[name] ?? {}
  const missing = needs.find((program) => spawnSync(program, ['--version'], { stdio: 'ignore' }).error)
  if (missing !== undefined) {
    const skipped = `${missing} is not on the PATH; install it with the system's package manager.`
    stderr.write(`${name.padEnd(18)} skipped: ${skipped}\n`)
    return { name, title, rows: [], skipped }
  }
  stderr.write(`${name.padEnd(18)} ...`)
  const before = performance.now()
  try {
    const rows = await ask(name)
    stderr.write(` ${((performance.now() - before) / 1_000).toFixed(0)} s\n`)
    return { name, title, rows }
  } catch (error) {
    stderr.write(` failed\n`)
    return { name, title, rows: [], skipped: String(error), failed: true }
  }
}

/** @throws {Error} when the question's process ends without an answer */
function ask(name: string): Promise<Row[]> {
  return new Promise((resolve, reject) => {
    const child = fork(fileURLToPath(new URL('question-process.ts', import.meta.url)), [name, String(rounds)], {
      execArgv: ['--expose-gc', '--disable-warning=ExperimentalWarning'],
    })
    child.once('message', (rows) => resolve(rows as Row[]))
    child.once('exit', (code) => reject(new Error(`${name} ended with code ${code} and no answer`)))
  })
}
