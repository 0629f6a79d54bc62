import { TimeLimit, type TimeLimits } from '../core/time-limits.js'
import { isTerminalEvent, type JobEvent } from '../protocol/job-event.js'
import { EventBatch } from './event-batch.js'
import { Frames } from './frames.js'
import type { Follower, JobFeed } from './job-feed.js'
import { sseFrame } from './sse-encoder.js'
import type { ViewerSink, ViewerSinkEvents } from './viewer-sink.js'
import type { WriteRounds, Writer } from './write-rounds.js'

/** Sent first: a browser that lost the connection asks again after this time, milliseconds. */
const RETRY_MS = 2_000
/** How long a full buffer may stay full. */
const STALL_MS = 5_000

const GREETING = sseFrame({ retry: RETRY_MS })
const HEARTBEAT = new Frames(sseFrame({ comment: '' }), true)
const NOTHING = new Frames('')

export interface ViewerOptions {
  /** `seq` of the last event that the viewer has. */
  readonly after: number
  /** Reads the job's log as a viewer of it: each such reader counts as one. */
  readonly read: (after: number) => AsyncIterable<JobEvent>
  readonly encode: (events: readonly JobEvent[]) => string
  readonly feed: JobFeed
  readonly rounds: WriteRounds
  readonly limits: TimeLimits
  readonly heartbeatMs: number
  /** Called once, when the stream is over for whatever reason. */
  readonly onEnd: () => void
}

/**
 * One viewer of a job. Reads the log until it has seen what the others have, then follows the feed that they share. One that takes
 * nothing is a burden to nobody: it leaves the feed, reads no further than one batch, and is cut off; it may resume by its cursor.
 */
export class Viewer extends TimeLimit implements Follower, Writer, ViewerSinkEvents {
  override readonly holdsProcess = false
  cursor: number
  wroteAt = Number.NEGATIVE_INFINITY
  readonly #options: ViewerOptions
  #state: 'reading' | 'following' | 'over' = 'reading'
  /** Its own reader. While it follows, this one sits, and counts as the viewer. */
  #log: EventBatch
  #sink: ViewerSink | undefined
  #greeting = GREETING
  /** Heartbeats included. */
  #lastWriteAt = 0
  #isFull = false

  constructor(options: ViewerOptions) {
    super()
    this.#options = options
    this.cursor = options.after
    this.#log = this.#openLog()
  }

  /** Before `start`: waits for what there is to catch up on. Rejects, with the reader's error, if there is no reading it. */
  async catchUp(): Promise<void> {
    try {
      await this.#log.open()
    } catch (error) {
      this.onGone()
      throw error
    }
  }

  /** Before `start`, if there is nothing to catch up on. */
  join(): void {
    this.#log.read()
    this.#follow()
  }

  start(sink: ViewerSink): void {
    this.#sink = sink
    if (this.#state === 'over') return sink.end(new Frames(GREETING))
    const { rounds, limits, heartbeatMs } = this.#options
    limits.set(this, heartbeatMs)
    rounds.ask(this, true)
  }

  /** In a round: what its own reader has. */
  write(now: number): void {
    if (this.#isFull || !this.#sink || this.#state === 'over') return
    const events = this.#state === 'reading' ? this.#log.take() : []
    this.#send(events, new Frames(this.#greeting + this.#options.encode(events)), now)
    if (this.#state !== 'reading') return
    if (this.#log.isOver) this.close()
    else this.#follow()
  }

  /** In a round: what the feed has. */
  take(events: readonly JobEvent[], frames: Frames, now: number): void {
    if (!this.#sink) return this.#readAgain() // the answer has not begun
    const unseen = this.cursor < (events[0]?.seq ?? 0) ? events : events.filter(({ seq }) => seq > this.cursor)
    if (unseen === events && this.#greeting === '') return this.#send(events, frames, now)
    const text = unseen === events ? frames.text : this.#options.encode(unseen)
    this.#send(unseen, new Frames(this.#greeting + text), now)
  }

  onCompany(): void {
    if (this.#log.isEmpty) this.#follow()
  }

  /** There is room again. */
  readonly onRoom = (): void => {
    if (!this.#isFull || this.#state === 'over') return
    const { rounds, limits, heartbeatMs } = this.#options
    this.#isFull = false
    limits.set(this, heartbeatMs)
    rounds.ask(this)
  }

  /** Nothing is read for it any more. */
  readonly onGone = (): void => {
    if (this.#state === 'over') return
    this.#state = 'over'
    const { feed, rounds, limits, onEnd } = this.#options
    limits.clear(this)
    limits.trim()
    rounds.forget(this)
    feed.unfollow(this)
    this.#log.close()
    onEnd()
  }

  close(): void {
    this.#finish(NOTHING)
  }

  /** After a span of silence, or a full buffer that nobody took anything of. */
  override fire(): void {
    if (this.#isFull) {
      this.onGone()
      return this.#sink?.cutOff()
    }
    const { limits, heartbeatMs } = this.#options
    const now = limits.now()
    const silentMs = now - this.#lastWriteAt
    limits.set(this, silentMs < heartbeatMs ? heartbeatMs - silentMs : heartbeatMs)
    if (silentMs >= heartbeatMs) this.#put(HEARTBEAT, now)
  }

  #send(events: readonly JobEvent[], frames: Frames, now: number): void {
    this.#greeting = ''
    const last = events[events.length - 1]
    if (last) {
      this.cursor = last.seq
      this.wroteAt = now
      if (isTerminalEvent(last)) return this.#finish(frames)
    }
    if (frames !== NOTHING && frames.text !== '') this.#put(frames, now)
  }

  #put(frames: Frames, now: number): void {
    this.#lastWriteAt = now
    if (this.#sink?.write(frames) || this.#state === 'over') return
    this.#isFull = true
    this.#options.limits.set(this, STALL_MS)
    if (this.#state === 'following') this.#readAgain()
  }

  #finish(frames: Frames): void {
    if (this.#state === 'over') return
    this.onGone()
    this.#sink?.end(frames)
  }

  /** Shares the feed from here on, or reads on by itself. */
  #follow(): void {
    if (this.#isFull || !this.#options.feed.follow(this)) return this.#log.read()
    this.#state = 'following'
    this.#log.sit()
  }

  /** Leaves the feed for a reader of its own at its cursor, before the old one goes: the viewer counts all the time. */
  #readAgain(): void {
    const seat = this.#log
    this.#state = 'reading'
    this.#options.feed.unfollow(this)
    this.#log = this.#openLog()
    this.#log.read()
    seat.close()
  }

  #openLog(): EventBatch {
    return new EventBatch(this.#options.read(this.cursor), (isMuch) => {
      if (this.#sink && !this.#isFull) this.#options.rounds.ask(this, isMuch)
    })
  }
}
