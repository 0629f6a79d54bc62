import type { Clock } from 'generation-jobs'
import type { VirtualClock } from 'generation-jobs/testing'

/** The clock of one process among several that live in the same time: the process can be paused, and killed. */
export interface NodeClock extends Clock {
  /** As SIGSTOP: time goes on, and no timer fires here. */
  pause(): void
  /** As SIGCONT: what became due meanwhile fires now, in its order. */
  resume(): Promise<void>
  /** As SIGKILL: nothing fires here ever again, and nothing is left. */
  kill(): void
}

/** `wallOffsetMs`: how far the date of this machine is from that of the others. */
export function nodeClock(clock: VirtualClock, wallOffsetMs = 0): NodeClock {
  let state: 'runs' | 'paused' | 'killed' = 'runs'
  let late: (() => void)[] = []
  const clears = new Set<() => void>()

  return {
    now: () => clock.now() + wallOffsetMs,
    monotonic: clock.monotonic,
    yieldMacrotask: clock.yieldMacrotask,
    setTimer(ms, fn, options) {
      if (state === 'killed') return () => {}
      const clear = clock.setTimer(
        ms,
        () => {
          clears.delete(clear)
          if (state === 'paused') late.push(fn)
          else fn()
        },
        options,
      )
      clears.add(clear)
      return () => {
        clears.delete(clear)
        clear()
        late = late.filter((one) => one !== fn)
      }
    },
    pause() {
      state = 'paused'
    },
    async resume() {
      state = 'runs'
      for (let next = late.shift(); next; next = late.shift()) {
        next()
        await clock.runMicrotasks()
      }
    },
    kill() {
      state = 'killed'
      late = []
      for (const clear of clears) clear()
      clears.clear()
    },
  }
}
