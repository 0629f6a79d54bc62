import type { JobEvent } from '../protocol/job-event.js'
import type { Messages } from '../protocol/messages.js'
import { sseFrame } from './sse-encoder.js'
import { wireData } from './wire-event.js'

/** Latest frames that the viewers of one job share; as many as one batch of a reader may hold. */
const FRAMES = 256
/** Latest batches that they share. Viewers in step ask for the same ones. */
const BATCHES = 8

interface Batch {
  readonly from: number
  readonly to: number
  readonly at: number
  readonly bytes: Uint8Array
}

const encoder = new TextEncoder()

/** What the viewers of one job were sent last, so that an event is serialised once however many they are. */
export class JobFrames {
  readonly #messages: Messages
  readonly #frames: { event: JobEvent; frame: string }[] = []
  readonly #batches: Batch[] = []
  #nextBatch = 0
  viewers = 0

  constructor(messages: Messages) {
    this.#messages = messages
  }

  /** The events as bytes of a `text/event-stream`. They are shared: never change them. */
  encode(events: readonly JobEvent[]): Uint8Array {
    if (this.viewers < 2) return encoder.encode(this.#textOf(events))
    const from = events[0]?.seq ?? 0
    const to = from + events.length - 1
    const at = events[events.length - 1]?.at ?? 0
    const known = this.#batches.find((batch) => batch.from === from && batch.to === to && batch.at === at)
    if (known) return known.bytes
    const bytes = encoder.encode(this.#sharedTextOf(events))
    this.#batches[this.#nextBatch] = { from, to, at, bytes }
    this.#nextBatch = (this.#nextBatch + 1) % BATCHES
    return bytes
  }

  #textOf(events: readonly JobEvent[]): string {
    let text = ''
    for (const event of events) text += this.#frameOf(event)
    return text
  }

  #sharedTextOf(events: readonly JobEvent[]): string {
    let text = ''
    for (const event of events) {
      const slot = event.seq % FRAMES
      const known = this.#frames[slot]
      // An id that was swept may be in use again: then the same `seq` is another event.
      if (known?.event.seq === event.seq && known.event.at === event.at) text += known.frame
      else {
        const frame = this.#frameOf(event)
        this.#frames[slot] = { event, frame }
        text += frame
      }
    }
    return text
  }

  #frameOf(event: JobEvent): string {
    return sseFrame({ id: event.seq, data: wireData(event, this.#messages) })
  }
}

/** The frames of all jobs that have viewers here. A job's are forgotten with its last viewer. */
export class FrameCache {
  readonly #messages: Messages
  readonly #jobs = new Map<string, JobFrames>()

  constructor(messages: Messages) {
    this.#messages = messages
  }

  enter(jobId: string): JobFrames {
    let frames = this.#jobs.get(jobId)
    if (!frames) {
      frames = new JobFrames(this.#messages)
      this.#jobs.set(jobId, frames)
    }
    frames.viewers++
    return frames
  }

  leave(jobId: string, frames: JobFrames): void {
    if (--frames.viewers === 0) this.#jobs.delete(jobId)
  }
}
