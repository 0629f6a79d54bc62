import type { CancelOptions } from 'generation-jobs'

interface Interrupt {
  readonly kind: NonNullable<CancelOptions['kind']>
  readonly exitCode: number
}

/** What the signals of a terminal and of a service manager mean; 128 + the signal's number is the custom for the exit code. */
const INTERRUPTS: Record<'SIGINT' | 'SIGTERM', Interrupt> = {
  SIGINT: { kind: 'user', exitCode: 130 },
  SIGTERM: { kind: 'shutdown', exitCode: 143 },
}

/**
 * npm passes a Ctrl-C on to its child, which the terminal has told already: the second signal within this time is then
 * the same key press.
 */
const SAME_PRESS_MS = 300

/** Calls `onFirst` at the first Ctrl-C (or SIGTERM) and `onSecond` at the next one, as long as the process lives. */
export function listenForInterrupts(options: {
  onFirst: (interrupt: Interrupt) => Promise<void>
  onSecond: (interrupt: Interrupt) => void
  underNpm: boolean
}): void {
  let firstAt: number | undefined
  for (const [signal, interrupt] of Object.entries(INTERRUPTS)) {
    process.on(signal, () => {
      const now = performance.now()
      if (firstAt === undefined) {
        firstAt = now
        void options.onFirst(interrupt)
      } else if (!options.underNpm || now - firstAt > SAME_PRESS_MS) options.onSecond(interrupt)
    })
  }
}
