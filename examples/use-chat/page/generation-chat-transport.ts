import type { ChatTransport, UIMessage, UIMessageChunk } from 'ai'
import { jobStream } from './job-stream.ts'
import { cancelJob, createJob, isAnswerKept, type StopAnswer } from './jobs-api.ts'

export interface GenerationChatTransportOptions {
  readonly api: string
  /** Job whose answer is not among the messages that the chat begins with: `resume` reads it. */
  readonly jobId?: string | undefined
  /** Called for each `stop()`, at once. */
  readonly onStopping?: (() => void) | undefined
  /** Called when the server has answered to it, or could not be asked. */
  readonly onStopped?: ((answer: StopAnswer) => void) | undefined
}

/**
 * Puts one chat of `useChat` on generation jobs. `stop()` cancels the job on the server; a page that closes or a connection that
 * breaks only stops reading. `resume` reads the job from its first event and then live, and can be stopped like the first reader.
 *
 * Give the chat to `useChat({ chat })`: a chat that the hook made is stopped by every unmount.
 */
export class GenerationChatTransport implements ChatTransport<UIMessage> {
  readonly resumeStreamIsReplay = true
  readonly #options: GenerationChatTransportOptions
  /** What there is to resume: not yet read to its end, and not cancelled. */
  #job: Promise<string> | undefined
  #reads = 0

  constructor(options: GenerationChatTransportOptions) {
    this.#options = options
    if (options.jobId) this.#job = Promise.resolve(options.jobId)
  }

  readonly sendMessages: ChatTransport<UIMessage>['sendMessages'] = ({ chatId, messages, abortSignal }) => {
    const job = createJob(this.#options.api, { chatId, messages })
    this.#job = job
    job.catch(() => this.#forget(job)) // there is nothing to resume
    return this.#read(job, abortSignal)
  }

  readonly reconnectToStream: ChatTransport<UIMessage>['reconnectToStream'] = async ({ abortSignal }) =>
    this.#job === undefined ? null : this.#read(this.#job, abortSignal)

  async #read(job: Promise<string>, signal: AbortSignal | undefined): Promise<ReadableStream<UIMessageChunk>> {
    const read = ++this.#reads
    let isOver = false
    const aborted = new Promise<never>((_, reject) => {
      const onAbort = () => {
        reject(signal?.reason)
        // A chat that resumes while it resumes aborts the older of the two, and reads anew in the same step.
        queueMicrotask(() => {
          if (read === this.#reads && !isOver) void this.#stop(job)
        })
      }
      if (signal?.aborted) onAbort()
      signal?.addEventListener('abort', onAbort, { once: true })
    })
    aborted.catch(() => {})
    // Not aborted with the signal: a job that is being created while the person stops must be known, to be cancelled.
    const jobId = await Promise.race([job, aborted])
    return jobStream(`${this.#options.api}/jobs/${encodeURIComponent(jobId)}/ui-message-stream`, {
      onEnd: () => {
        isOver = true
        this.#forget(job)
      },
    })
  }

  /** Never rejects. */
  async #stop(job: Promise<string>): Promise<void> {
    const { api, onStopping, onStopped } = this.#options
    onStopping?.()
    const answer = await job.then(
      (jobId) => cancelJob(api, jobId),
      (error): StopAnswer => ({ outcome: 'not-found', message: String(error?.message ?? error) }),
    )
    if (!isAnswerKept(answer)) this.#forget(job)
    onStopped?.(answer)
  }

  #forget(job: Promise<string>): void {
    if (this.#job === job) this.#job = undefined
  }
}
