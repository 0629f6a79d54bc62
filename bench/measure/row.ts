import type { Taken } from './alternate.ts'
import { median, ratios, spread } from './statistics.ts'

/** One line of the report: an answer, how sure it is, and what was asked for. */
export interface Row {
  readonly what: string
  readonly value: number
  /** `x` is the ratio to *bare* in the same round. */
  readonly unit: 'x' | 'B' | 'kB' | 'ms' | '%' | ''
  /** Smallest and largest round. */
  readonly spread: readonly [number, number]
  /** At most this, now. Without it the row only informs. */
  readonly goal?: number
  /** At most this, when the work on performance is done. */
  readonly finalGoal?: number
  readonly note?: string
  /** Whose figure it is; decides the colour in the plot. @defaultValue `'ours'` */
  readonly by?: 'bare' | 'peer' | 'ours'
  /** A point of a line in the plot: how much work was done, against what one unit of it cost. */
  readonly point?: { readonly line: string; readonly units: number }
}

/** A question: what it costs to do one thing, answered by measuring. */
export interface Question {
  readonly title: string
  /** Programs that must be on the PATH. */
  readonly needs?: readonly string[]
  ask(options: AskOptions): Promise<Row[]>
}

export interface AskOptions {
  /** Measured rounds; at least 5 make a median. */
  readonly rounds: number
}

export type RowOptions = Pick<Row, 'goal' | 'finalGoal' | 'note' | 'by' | 'point'>

/** Processor time as a ratio to bare, round by round; the note shows what one unit takes. */
export function ratioRow(what: string, taken: Taken, bare: Taken, { note, ...options }: RowOptions = {}): Row {
  const cpu = ratios(taken.cpu, bare.cpu)
  const each = `${duration(median(taken.cpu))} CPU, wall ${median(ratios(taken.wall, bare.wall)).toFixed(2)}x`
  return {
    what,
    value: median(cpu),
    unit: 'x',
    spread: spread(cpu),
    ...(taken === bare ? { by: 'bare' } : {}),
    ...options,
    note: note === undefined ? each : `${each}; ${note}`,
  }
}

/** Time on the clock as a ratio to bare: where the work is done by another process too. */
export function wallRow(what: string, taken: Taken, bare: Taken, { note, ...options }: RowOptions = {}): Row {
  const wall = ratios(taken.wall, bare.wall)
  const each = `${duration(median(taken.wall))}, CPU of this process ${duration(median(taken.cpu))}`
  return {
    what,
    value: median(wall),
    unit: 'x',
    spread: spread(wall),
    ...(taken === bare ? { by: 'bare' } : {}),
    ...options,
    note: note === undefined ? each : `${each}; ${note}`,
  }
}

/** A row of plain numbers, one per round. */
export function valueRow(what: string, unit: Row['unit'], values: readonly number[], options: RowOptions = {}): Row {
  return { what, value: median(values), unit, spread: spread(values), ...options }
}

/** As people read it: `103 ns`, `13.8 us`, `2.4 ms`. */
function duration(milliseconds: number): string {
  const ns = milliseconds * 1e6
  if (ns < 10_000) return `${ns.toFixed(0)} ns`
  return ns < 1e6 ? `${(ns / 1_000).toFixed(1)} us` : `${milliseconds.toFixed(1)} ms`
}
