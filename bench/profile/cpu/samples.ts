import type { Profiler } from 'node:inspector'
import type { Windows } from './windows.ts'

/** A function of the program, or of V8 where its name stands in brackets; as V8 gives it, lines and columns from 0. */
export type Frame = Profiler.ProfileNode['callFrame']

export interface CpuSamples {
  /** On top of the stack, and how often. */
  readonly frames: ReadonlyMap<Frame, number>
  /** Of all samples, those in which the process waited left out. */
  readonly count: number
}

/** @throws {Error} when no sample lies in a window: a profile of nothing */
export function samplesIn(profile: Profiler.Profile, windows: Windows): CpuSamples {
  const { startTime, nodes, samples = [], timeDeltas = [] } = profile
  const frameOf = new Map(nodes.map(({ id, callFrame }) => [id, callFrame]))
  const frames = new Map<Frame, number>()
  let count = 0
  for (const index of windows.indexesOf(instants(startTime, timeDeltas))) {
    const frame = frameOf.get(samples[index] ?? Number.NaN)
    if (!frame || frame.functionName === '(idle)') continue
    frames.set(frame, (frames.get(frame) ?? 0) + 1)
    count++
  }
  if (count === 0) throw new Error('no sample of the profile lies in the measured work')
  return { frames, count }
}

function* instants(startTime: number, timeDeltas: readonly number[]): Generator<number> {
  let at = startTime
  for (const delta of timeDeltas) {
    at += delta
    yield at
  }
}
