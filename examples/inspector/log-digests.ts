import type { GenerationJobManager, JobEvent, JobSnapshot } from 'generation-jobs'
import type { LogDigest } from './timeline.ts'

/** A log that is shorter than its record says is not waited for any longer, ms. */
const READ_LIMIT_MS = 1_000
/** A producer that names more steps than this is shown by its first ones. */
const MAX_STEPS = 200

interface Reading {
  readonly createdAt: number
  cursor: number
  digest: LogDigest
}

const EMPTY: LogDigest = { steps: [], text: { chunks: 0, length: 0 } }

/** Reads the logs of jobs, each event once, and keeps what is no text. */
export class LogDigests {
  readonly #manager: GenerationJobManager
  readonly #readings = new Map<string, Reading>()

  constructor(manager: GenerationJobManager) {
    this.#manager = manager
  }

  /** The digests of these jobs up to their records' `lastSeq`, in their order; all others are forgotten. */
  async of(jobs: readonly JobSnapshot[]): Promise<LogDigest[]> {
    const wanted = new Set(jobs.map(({ jobId }) => jobId))
    for (const jobId of this.#readings.keys()) if (!wanted.has(jobId)) this.#readings.delete(jobId)
    return Promise.all(jobs.map((job) => this.#catchUp(job)))
  }

  async #catchUp({ jobId, createdAt, lastSeq }: JobSnapshot): Promise<LogDigest> {
    const known = this.#readings.get(jobId)
    const reading = known?.createdAt === createdAt ? known : { createdAt, cursor: 0, digest: EMPTY }
    this.#readings.set(jobId, reading)
    if (reading.cursor >= lastSeq) return reading.digest
    const signal = AbortSignal.timeout(READ_LIMIT_MS)
    try {
      for await (const event of this.#manager.events(jobId, { after: reading.cursor, signal })) {
        reading.digest = withEvent(reading.digest, event)
        reading.cursor = event.seq
        if (event.seq >= lastSeq) break
      }
    } catch {
      reading.cursor = lastSeq // the log is no longer kept, or the store is away: the record still tells the rest
    }
    return reading.digest
  }
}

function withEvent(digest: LogDigest, event: JobEvent): LogDigest {
  if (event.type === 'step' && digest.steps.length < MAX_STEPS) {
    return { ...digest, steps: [...digest.steps, { step: event.step, at: event.at }] }
  }
  if (event.type !== 'chunk') return digest
  const { chunks, length } = digest.text
  return {
    ...digest,
    text: { chunks: chunks + 1, length: length + event.content.length },
    firstChunkAt: digest.firstChunkAt ?? event.at,
  }
}
