import type { Taken } from './alternate.ts'
import { median, ratios, spread } from './statistics.ts'

/** One line of the report: an answer, how sure it is, and what was asked for. */
export interface Row {
  readonly what: string
  readonly value: number
  /** `x` is the ratio to *bare* in the same round. */
  readonly unit: 'x' | 'B' | 'ms' | '%' | ''
  /** Smallest and largest round. */
  readonly spread: readonly [number, number]
  /** At most this, now. Without it the row only informs. */
  readonly goal?: number
  /** At most this, when the work on performance is done. */
  readonly finalGoal?: number
  readonly note?: string
}

/** A question: what it costs to do one thing, answered by measuring. */
export interface Question {
  readonly title: string
  ask(options: AskOptions): Promise<Row[]>
}

export interface AskOptions {
  /** Measured rounds; at least 5 make a median. */
  readonly rounds: number
}

type Goals = Pick<Row, 'goal' | 'finalGoal' | 'note'>

/** Processor time as a ratio to bare, round by round; the note shows what one unit takes. */
export function ratioRow(what: string, taken: Taken, bare: Taken, units: number, { note, ...goals }: Goals = {}): Row {
  const cpu = ratios(taken.cpu, bare.cpu)
  const each = `${perUnit(taken.cpu, units)} CPU, wall ${median(ratios(taken.wall, bare.wall)).toFixed(2)}x`
  return {
    what,
    value: median(cpu),
    unit: 'x',
    spread: spread(cpu),
    ...goals,
    note: note === undefined ? each : `${each}; ${note}`,
  }
}

/** A row of plain numbers, one per round. */
export function valueRow(what: string, unit: Row['unit'], values: readonly number[], goals: Goals = {}): Row {
  return { what, value: median(values), unit, spread: spread(values), ...goals }
}

function perUnit(milliseconds: readonly number[], units: number): string {
  const ns = (median(milliseconds) * 1e6) / units
  return ns < 10_000 ? `${ns.toFixed(0)} ns` : `${(ns / 1_000).toFixed(1)} us`
}
