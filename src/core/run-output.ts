import type { ContentEvent } from '../protocol/job-event.js'
import type { Usage } from '../protocol/job-snapshot.js'
import { EventWriter, type EventWriterOptions } from './event-writer.js'
import type { RunEnvironment } from './run-environment.js'
import { TextBuffer } from './text-buffer.js'

/** What a producer has put out: its events on their way to the log, the text they carried, and what was dropped. */
export class RunOutput {
  readonly #writer: EventWriter
  readonly #text = new TextBuffer()
  chunks = 0
  dropped = 0
  step: string | undefined
  usage: Usage | undefined

  constructor(
    env: RunEnvironment,
    owned: { readonly jobId: string; readonly fencingToken: number },
    onRefused: EventWriterOptions['onRefused'],
  ) {
    const { store, clock, epoch, options } = env
    const { maxLogEvents, maxLogBytes } = options
    const { jobId, fencingToken } = owned
    this.#writer = new EventWriter({
      store,
      clock,
      epoch,
      jobId,
      fencingToken,
      maxLogEvents,
      maxLogBytes,
      onRefused,
    })
  }

  get lastSeq(): number {
    return this.#writer.lastSeq
  }

  /** When the newest event was written, or this was made; by the monotonic clock. */
  get lastActivityAt(): number {
    return this.#writer.lastEventAt
  }

  /** A promise to wait for before writing on, when the store is slow. */
  get congestion(): Promise<void> | undefined {
    return this.#writer.congestion
  }

  /** Waits for the store to answer for all that was written; nothing to wait for if it answers at once. */
  flush(): Promise<void> | undefined {
    return this.#writer.flush()
  }

  /** Writes an event; answers whether it was taken. @throws {LogLimitError} when the log is full */
  write(event: ContentEvent): boolean {
    if (!this.#writer.write(event)) {
      this.noteRefused(event)
      return false
    }
    if (event.type === 'chunk') {
      this.chunks++
      this.#text.append(event.content)
    } else if (event.type === 'step') {
      this.step = event.step
    }
    return true
  }

  noteRefused(event: ContentEvent): void {
    if (event.type === 'chunk') this.dropped++
  }

  /** All text of the chunks that were taken. */
  readonly text = (): string => this.#text.toString()

  close(): void {
    this.#writer.close()
  }
}
