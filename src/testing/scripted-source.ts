import type { ModelChunk } from '../core/generation-source.js'
import { systemClock } from '../core/system-clock.js'
import type { Clock } from '../protocol/clock.js'
import { type PullRequest, type RecordedSource, recordedSource, type SourceFaults } from './recorded-source.js'

/**
 * One step of a script. A string or an object without `do` is a chunk and answers one `next()`; so do `hang` (never
 * settles), `done` and `throw`. The others happen inside the `next()` that reaches them, which then goes on to the next step.
 */
export type ScriptStep =
  | string
  | ModelChunk
  | { do: 'hang' }
  | { do: 'done' }
  | { do: 'throw'; error: unknown }
  /** Waits on `options.clock`. The timer is cleared when the source is closed. */
  | { do: 'wait'; ms: number }
  /** Waits for one macrotask of `options.clock`. */
  | { do: 'yield' }
  /** Calls back, for instance to cancel the job while this `next()` is pending. What it throws, `next()` rejects with. */
  | { do: 'call'; fn: () => void }

export interface ScriptedSourceOptions extends SourceFaults {
  /** Serves `wait` and `yield`. @defaultValue the system clock */
  clock?: Clock | undefined
  /** `next()` returns an already settled promise. @defaultValue false: one microtask later */
  hot?: boolean | undefined
  /** Starts again at the end of the script, for ever. @defaultValue false: the end of the script is `done` */
  repeat?: boolean | undefined
  /** Called synchronously in each `next()`, first, with its number from 1: to block the clock, to count, to cancel. */
  onNext?: ((call: number) => void) | undefined
}

/** A source that plays a script and records what is done to it. @see {@link SourceFaults} */
export type ScriptedSource = RecordedSource

/**
 * Makes a source that plays `script`: `scriptedSource(['Once ', 'upon', { do: 'hang' }])`.
 * @throws {TypeError} when the script could repeat for ever inside one `next()`
 */
export function scriptedSource(script: Iterable<ScriptStep>, options: ScriptedSourceOptions = {}): ScriptedSource {
  const steps = [...script]
  const { clock = systemClock, hot = false, repeat = false, onNext } = options
  if (repeat && steps.every((step) => isMarker(step) && step.do === 'call')) {
    throw new TypeError('a repeated script needs a step that answers or waits')
  }
  let position = 0
  let calls = 0

  function play(request: PullRequest): void {
    let goesOn = true
    while (goesOn && !request.answered) {
      if (repeat && position === steps.length) position = 0
      goesOn = perform(steps[position++] ?? { do: 'done' }, request)
    }
  }

  /** Says whether the same `next()` goes on to the following step at once. */
  function perform(step: ScriptStep, request: PullRequest): boolean {
    if (!isMarker(step)) {
      request.chunk(step)
      return false
    }
    switch (step.do) {
      case 'hang':
        return false
      case 'done':
        request.end()
        return false
      case 'throw':
        request.fail(step.error)
        return false
      case 'wait':
        request.onClose(clock.setTimer(step.ms, () => play(request)))
        return false
      case 'yield':
        void clock.yieldMacrotask().then(() => play(request))
        return false
      case 'call':
        try {
          step.fn()
        } catch (error) {
          request.fail(error)
        }
        return true
    }
  }

  return recordedSource((request) => {
    onNext?.(++calls)
    if (hot) play(request)
    else queueMicrotask(() => play(request))
  }, options)
}

type Marker = Extract<ScriptStep, { do: string }>

function isMarker(step: ScriptStep): step is Marker {
  return typeof step === 'object' && 'do' in step
}
