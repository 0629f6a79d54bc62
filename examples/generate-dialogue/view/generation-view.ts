import type { CancelResult, JobEvent, JobOutcome } from 'generation-jobs'
import type { UnityDialogue } from 'generation-jobs/dialogue'

/** How a generation ended, for the one who started it. */
export interface GenerationEnd {
  readonly outcome: JobOutcome<UnityDialogue>
  /** Where the dialogue is; only after a completed generation. */
  readonly file: string | undefined
  readonly exitCode: number
}

/** Shows one generation. */
export interface GenerationView {
  /** @param job.seed of the local model; other models have none */
  started(job: { jobId: string; model: string; seed: string | undefined }): void
  /** How far the training of the local model is, 0 to 1. */
  training(share: number): void
  event(event: JobEvent): void
  /** Somebody pressed Ctrl-C. */
  interrupting(): void
  /** The interruption came too late, or is not over yet. */
  notInterrupted(result: Exclude<CancelResult, { outcome: 'cancelled' }>): void
  ended(end: GenerationEnd): void
  /** A line of the structured log. */
  log(line: string): void
  close(): void
}
