import { type GenerationJobManager, isGenerationJobError, type JobEvent, type JobSnapshot } from 'generation-jobs'
import { isGone, readLog } from './log-read.ts'
import type { LogDigest } from './timeline.ts'

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
    try {
      for await (const event of readLog(this.#manager, jobId, { after: reading.cursor, lastSeq })) {
        reading.digest = withEvent(reading.digest, event)
        reading.cursor = event.seq
      }
    } catch (error) {
      if (isGone(error))
        reading.cursor = lastSeq // the record still tells the rest
      else if (!isGenerationJobError(error)) throw error // the store is away: the next look reads on
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
