import { appendFileSync, readFileSync } from 'node:fs'
import type { CancelResult, JobEvent, JobOutcome, JobStatus } from 'generation-jobs'

/** What somebody saw or was told in a chaos run. Every line of a history stands by itself; `by` is a node, a client or the observer. */
export type HistoryLine = { readonly at: number; readonly by: string } & Fact

export type Fact =
  /** A call to register reported that the job is there. */
  | { readonly what: 'registered'; readonly jobId: string }
  /** The effect of a commit, as a database would see it. */
  | { readonly what: 'save begun'; readonly jobId: string; readonly fencingToken: number }
  | { readonly what: 'save done'; readonly jobId: string; readonly fencingToken: number }
  /** What `handle.settled` said. */
  | {
      readonly what: 'outcome'
      readonly jobId: string
      readonly status: JobOutcome<unknown>['status']
      readonly commit: JobOutcome<unknown>['commit']
      readonly recorded: boolean
      readonly code?: string | undefined
    }
  /** What a cancel was told; `unanswered` is a StoreError. */
  | {
      readonly what: 'cancel'
      readonly jobId: string
      readonly sentAt: number
      readonly outcome: CancelResult['outcome'] | 'unanswered'
      readonly status?: JobStatus | undefined
      readonly recorded?: boolean | undefined
    }
  /** A reader begins at a cursor, gets events over as many connections as it takes, and reaches the end of a stream. */
  | { readonly what: 'reader'; readonly jobId: string; readonly reader: string; readonly after: number }
  | {
      readonly what: 'read'
      readonly jobId: string
      readonly reader: string
      readonly seq: number
      readonly type: JobEvent['type']
    }
  | { readonly what: 'read to the end'; readonly jobId: string; readonly reader: string }
  /** For people: what was done to the nodes, the network and Redis. */
  | { readonly what: 'fault'; readonly fault: string }
  /** From here on nothing is disturbed. */
  | { readonly what: 'quiet' }
  /** What the store says in the end. */
  | {
      readonly what: 'record'
      readonly jobId: string
      readonly status: JobStatus
      readonly commit?: 'none' | 'done' | 'unknown' | undefined
      readonly code?: string | undefined
      readonly settledAt?: number | undefined
      readonly fencingToken: number
    }
  | {
      readonly what: 'log'
      readonly jobId: string
      readonly types: readonly JobEvent['type'][]
      readonly seqs: readonly number[]
    }
  /** What is in Redis after all retention has passed. */
  | { readonly what: 'keys left'; readonly keys: readonly string[] }

export type Write = (fact: Fact) => void

/** Appends whole lines at once, so a process that is killed leaves what it has written, and many may write to one file. */
export function historyWriter(path: string, by: string): Write {
  return (fact) => appendFileSync(path, `${JSON.stringify({ at: Date.now(), by, ...fact })}\n`)
}

export function readHistory(path: string): HistoryLine[] {
  const lines = readFileSync(path, 'utf8').split('\n')
  return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as HistoryLine)
}
