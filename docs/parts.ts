/**
 * What exported types are made of, so that the reference can show it. These names have no import path; take them from the type they
 * belong to: `Extract<JobOutcome<T>, { status: 'failed' }>`.
 *
 * @module parts
 */
export type { DeliveryLimits } from '../src/bullmq/delivery.ts'
export type { Cleanup } from '../src/core/cleanup-stack.ts'
export type { CancelHint, Refused } from '../src/core/job-store.ts'
export type { CancelledOutcome, CompletedOutcome, FailedOutcome } from '../src/core/outcome.ts'
export type { CancellingEvent, ContentEvent, JobEventBody, TerminalEvent } from '../src/protocol/job-event.ts'
export type { OmittedResult } from '../src/protocol/job-snapshot.ts'
export type { LiveStatus, SettledStatus } from '../src/protocol/job-status.ts'
export type { History, JobFact, JobFacts, WorldFact } from '../src/testing/explorer/facts.ts'
export type { HostileWorld } from '../src/testing/hostile-source.ts'
