import { type CancelAnswer, requestCancel } from './cancel-request.js'
import type { ClientContext } from './client-options.js'
import { untilAnswered } from './retry.js'

/** One interrupt, from the person's wish to its end. */
export interface Interruption {
  /** The person asked here; else it is watched for another tab. */
  readonly isOwn: boolean
  /** Resolves when the interrupt is over, in whatever way. */
  readonly over: Promise<void>
  /** The server has the cancel on record: the job cannot complete any more. */
  isAccepted: boolean
  isAnswered: boolean
  /** Asks for the cancel until the server answers. Call it once, as soon as the job is known. */
  ask(jobId: string): void
  /** The end is known, only its details are read: the limit must not speak first. Returns what is left of it, ms. */
  stopLimit(): number
  end(): void
}

/** Begins an interrupt. It keeps a time limit of its own, whatever the server does. */
export function beginInterruption(
  context: ClientContext,
  isOwn: boolean,
  onAnswer: (answer: CancelAnswer) => void,
  onLimit: () => void,
): Interruption {
  const { clock, interruptTimeoutMs } = context
  const abort = new AbortController()
  const endsAt = clock.monotonic() + interruptTimeoutMs
  const clearLimit = clock.setTimer(interruptTimeoutMs, onLimit)
  let resolve = (): void => {}

  async function askUntilAnswered(jobId: string): Promise<void> {
    const cancel = () => requestCancel(context, jobId, interruptTimeoutMs, abort)
    const answer = await untilAnswered(clock, interruptTimeoutMs, abort, cancel)
    if (!answer || abort.signal.aborted) return
    interruption.isAnswered = true
    onAnswer(answer)
  }

  const interruption: Interruption = {
    isOwn,
    over: new Promise((done) => {
      resolve = done
    }),
    isAccepted: false,
    isAnswered: false,
    ask: (jobId) => void askUntilAnswered(jobId),
    stopLimit() {
      clearLimit()
      return Math.max(0, endsAt - clock.monotonic())
    },
    end() {
      clearLimit()
      abort.abort()
      resolve()
    },
  }
  return interruption
}
