import type { Row } from '../measure/row.ts'
import type { Answer } from './answer.ts'

/** The report: where it was measured, then for each question its plots and its table. `plots` are file names by question. */
export function markdown(
  answers: readonly Answer[],
  place: readonly string[],
  plots: ReadonlyMap<string, readonly string[]>,
): string {
  return [
    '# Benchmarks',
    '',
    ...place.map((line) => `- ${line}`),
    '',
    '`x` is the ratio to *bare* in the same round: median, and (smallest - largest) of the rounds. Compare ratios of one run only.',
    '',
    ...goals(answers),
    ...answers.flatMap(({ name, title, rows, skipped }) => [
      '',
      `## ${title}`,
      '',
      ...(skipped === undefined ? [] : [`Not answered: ${skipped}`]),
      ...(plots.get(name) ?? []).flatMap((file) => [`![${title}](${file})`, '']),
      ...(rows.length > 0 ? table(rows) : []),
    ]),
    '',
  ].join('\n')
}

/** How many of the last goals are met, and which are not. */
function goals(answers: readonly Answer[]): string[] {
  const asked = answers.flatMap(({ name, rows }) =>
    rows.map((row) => ({ name, row, goal: lastGoal(row) ?? Number.NaN })),
  )
  const met = asked.filter(({ row, goal }) => row.value <= goal)
  const missed = asked.filter(({ row, goal }) => row.value > goal)
  const list = missed.map(({ name, row: { what, value, unit }, goal }) => {
    return `- missed in ${name}: ${what}: ${number(value)} ${unit}, goal ${limit(goal)}`
  })
  const where = 'Where the time and the memory go in these: [profiles](profiles.md).'
  return [
    `Goals met: ${met.length} of ${met.length + missed.length}.`,
    '',
    ...list,
    ...(list.length > 0 ? ['', where] : []),
  ]
}

function lastGoal({ goal, finalGoal }: Row): number | undefined {
  return finalGoal ?? goal
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
  const first = goal ?? finalGoal
  if (first === undefined) return ''
  if (value > first) return `no: ${percent(value, first)} over`
  if (goal === undefined || finalGoal === undefined) return 'yes'
  return value > finalGoal ? `yes; final ${percent(value, finalGoal)} over` : 'yes, final too'
}

function percent(value: number, goal: number): string {
  return `${Math.max(1, Math.round((value / goal - 1) * 100))} %`
}

function limit(goal: number | undefined): string {
  return goal === undefined ? '' : `<= ${Number(goal.toPrecision(3))}`
}

function number(value: number): string {
  const size = Math.abs(value)
  if (size >= 100) return value.toFixed(0)
  return size >= 0.1 || size === 0 ? value.toFixed(2) : value.toPrecision(2)
}
