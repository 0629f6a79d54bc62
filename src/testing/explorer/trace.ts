import { describeFact } from './describe-fact.js'
import type { Execution } from './execution.js'
import { formatSchedule, type Schedule } from './schedule.js'

/** What was seen in one step. */
export interface TraceStep {
  /** What happened: the tokens of the schedule. Empty for the start and for what comes after the scenario's end. */
  readonly step: string
  /** Virtual time at its end, milliseconds. */
  readonly at: number
  readonly facts: readonly string[]
}

/** An execution, to be read. */
export interface Trace {
  readonly schedule: Schedule
  readonly steps: readonly TraceStep[]
  toString(): string
}

export function traceOf({ history, tokens, tokenSteps }: Execution): Trace {
  const steps: { step: string; at: number; facts: string[] }[] = []
  const stepAt = (index: number) => {
    while (steps.length <= index) steps.push({ step: '', at: steps.at(-1)?.at ?? 0, facts: [] })
    return steps[index] as { step: string; at: number; facts: string[] }
  }
  for (const [index, token] of tokens.entries()) {
    const step = stepAt(tokenSteps[index] ?? 0)
    step.step = step.step === '' ? token : `${step.step} ${token}`
  }
  for (const fact of history.all) {
    const step = stepAt(fact.step)
    step.at = fact.at
    step.facts.push(describeFact(fact))
  }
  const schedule = formatSchedule(tokens)
  return { schedule, steps, toString: () => format(schedule, steps) }
}

function format(schedule: Schedule, steps: readonly TraceStep[]): string {
  const names = steps.map(({ step }, index) => step || (index === 0 ? '(start)' : '(end)'))
  const width = Math.max(...names.map(({ length }) => length))
  const lines = steps.flatMap(({ at, facts }, index) => {
    const head = `${String(index).padStart(3)} ${String(at).padStart(6)} ms  ${(names[index] ?? '').padEnd(width)}`
    const rest = ' '.repeat(head.length)
    return (facts.length > 0 ? facts : ['']).map((fact, line) => `${line === 0 ? head : rest}  ${fact}`.trimEnd())
  })
  return [`schedule: ${schedule}`, ...lines].join('\n')
}
