// `npm run bench` asks all questions, `npm run bench -- pump memory` some of them; `--rounds 11` for a surer answer.
// Prints the report and writes it with its plots to bench/results/<time>/; `--publish` copies them to docs/performance/.
import { argv, exit, stderr, stdout } from 'node:process'
import { parseArgs } from 'node:util'
import type { Row } from './measure/row.ts'
import { ownProcess, whatIsMissing } from './own-process.ts'
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
  const { title = name, needs } = QUESTIONS[name] ?? {}
  const skipped = whatIsMissing(needs)
  if (skipped !== undefined) {
    stderr.write(`${name.padEnd(18)} skipped: ${skipped}\n`)
    return { name, title, rows: [], skipped }
  }
  stderr.write(`${name.padEnd(18)} ...`)
  const before = performance.now()
  try {
    const rows = await ownProcess<Row[]>('question-process.ts', [name, String(rounds)])
    stderr.write(` ${((performance.now() - before) / 1_000).toFixed(0)} s\n`)
    return { name, title, rows }
  } catch (error) {
    stderr.write(` failed\n`)
    return { name, title, rows: [], skipped: String(error), failed: true }
  }
}
