import { execFileSync } from 'node:child_process'
import { cpus, totalmem } from 'node:os'
import { fileURLToPath } from 'node:url'
import type { Row } from './measure/row.ts'

const root = fileURLToPath(new URL('..', import.meta.url))

export interface Answer {
  readonly title: string
  readonly rows: readonly Row[]
}

/** The report as markdown: where it was measured, then one table per question. */
export function markdown(answers: readonly Answer[], rounds: number): string {
  return [
    '# Benchmarks',
    '',
    ...place(rounds).map((line) => `- ${line}`),
    '',
    '`x` is the ratio to *bare* in the same round: median, and (smallest - largest) of the rounds. Compare ratios of one run only.',
    ...answers.flatMap(({ title, rows }) => ['', `## ${title}`, '', ...table(rows)]),
    '',
  ].join('\n')
}

function table(rows: readonly Row[]): string[] {
  return [
    '| what | result | spread | goal | final goal | met | detail |',
    '|---|---|---|---|---|---|---|',
    ...rows.map(({ what, value, unit, spread: [low, high], goal, finalGoal, note = '' }) => {
      const range = `${number(low)} - ${number(high)}`
      return `| ${what} | **${number(value)} ${unit}** | ${range} | ${limit(goal)} | ${limit(finalGoal)} | ${verdict(value, goal, finalGoal)} | ${note} |`
    }),
  ]
}

function verdict(value: number, goal: number | undefined, finalGoal: number | undefined): string {
  if (goal === undefined) return ''
  if (value > goal) return `no: ${percent(value, goal)} over`
  if (finalGoal === undefined) return 'yes'
  return value > finalGoal ? `yes; final ${percent(value, finalGoal)} over` : 'yes, final too'
}

function percent(value: number, goal: number): string {
  return `${Math.max(1, Math.round((value / goal - 1) * 100))} %`
}

function limit(goal: number | undefined): string {
  return goal === undefined ? '' : `<= ${goal}`
}

function number(value: number): string {
  return Math.abs(value) >= 100 ? value.toFixed(0) : value.toFixed(2)
}

function place(rounds: number): string[] {
  const [cpu] = cpus()
  return [
    `${new Date().toISOString()}, commit ${commit()}`,
    `Node ${process.version}, V8 ${process.versions.v8}, ${process.platform} ${process.arch}`,
    `${cpus().length} x ${cpu?.model.trim() ?? 'unknown processor'}, ${(totalmem() / 1024 ** 3).toFixed(0)} GiB`,
    `${rounds} measured rounds per contender, contenders alternate inside one process, processor time, \`logger: false\``,
  ]
}

function commit(): string {
  const git = (...args: string[]) => execFileSync('git', args, { cwd: root, encoding: 'utf8', stdio: 'pipe' }).trim()
  try {
    return `${git('rev-parse', '--short', 'HEAD')}${git('status', '--porcelain') === '' ? '' : ' with local changes'}`
  } catch {
    return 'unknown'
  }
}
