// `npm run bench` asks all questions, `npm run bench -- pump memory` some of them; `--rounds 11` for a surer answer.
// Prints the report as it grows and writes it to bench/results/.
import { fork } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { argv, exit, stderr, stdout } from 'node:process'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import type { Row } from './measure/row.ts'
import { buildPumpAlone } from './pump-alone/build.ts'
import { QUESTIONS } from './questions.ts'
import { type Answer, markdown } from './report.ts'

const { values, positionals } = parseArgs({
  args: argv.slice(2),
  allowPositionals: true,
  options: { rounds: { type: 'string', default: '7' }, list: { type: 'boolean', default: false } },
})
const rounds = Number(values.rounds)
const unknown = positionals.filter((name) => !QUESTIONS[name])
if (unknown.length > 0 || !Number.isInteger(rounds) || rounds < 1) {
  stderr.write(`expected names among ${Object.keys(QUESTIONS).join(', ')} and --rounds of 1 or more\n`)
  exit(2)
}
if (values.list) {
  for (const [name, { title }] of Object.entries(QUESTIONS)) stdout.write(`${name.padEnd(12)} ${title}\n`)
  exit(0)
}

const results = fileURLToPath(new URL('results/', import.meta.url))
mkdirSync(results, { recursive: true })
await buildPumpAlone()

const answers: Answer[] = []
for (const name of positionals.length > 0 ? positionals : Object.keys(QUESTIONS)) {
  stderr.write(`${name} ...\n`)
  const title = QUESTIONS[name]?.title ?? name
  answers.push({ title, rows: await ask(name) })
}
const report = markdown(answers, rounds)
const file = `${results}${new Date().toISOString().slice(0, 19).replaceAll(':', '-')}.md`
writeFileSync(file, report)
stdout.write(`${report}\nwritten to ${file}\n`)

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
