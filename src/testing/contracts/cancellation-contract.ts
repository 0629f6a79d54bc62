import type { Awaitable } from '../../core/awaitable.js'
import type { GenerationSource } from '../../core/generation-source.js'
import type { Producer } from '../../core/producer.js'
import { systemClock } from '../../core/system-clock.js'
import type { Clock } from '../../protocol/clock.js'
import type { ContractCase } from './job-store-contract.js'
import { producerCancelling } from './producer-cancelling.js'
import { sourceCancelling } from './source-cancelling.js'

/** A source for one case: it gives two chunks at least, and does not end by itself at once. */
export interface SourceUnderTest {
  readonly source: GenerationSource
  /** Whether what it holds (a request, a socket) is released; the proof that a cancel reaches the provider. */
  readonly isClosed?: (() => Awaitable<boolean>) | undefined
  /** Releases what the case needed besides. */
  dispose?(): Awaitable<void>
}

/** A producer for one case, and what can be seen of its work from outside. */
export interface ProducerUnderTest {
  readonly producer: Producer<unknown>
  /** Whether everything it took (locks, files, requests) is given back. */
  readonly isReleased?: (() => Awaitable<boolean>) | undefined
  /** How many results became visible. */
  readonly committed?: (() => Awaitable<number>) | undefined
  dispose?(): Awaitable<void>
}

interface CommonOptions {
  /** How fast it must let go, milliseconds. @defaultValue 1_000 */
  withinMs?: number | undefined
  /** The time it lives in. A clock that stands still must be moved by its owner meanwhile. @defaultValue the system clock */
  clock?: Clock | undefined
}

/** Of {@link cancellationContract}: a source of yours, or a producer. */
export type CancellationContractOptions = CommonOptions &
  (
    | {
        /** A source as a producer would open it; the signal aborts when the job is cancelled. */
        makeSource(run: { signal: AbortSignal }): Awaitable<SourceUnderTest>
        makeProducer?: undefined
      }
    | { makeProducer(): Awaitable<ProducerUnderTest>; makeSource?: undefined }
  )

/**
 * What a source or a producer must do when its job is cancelled, as cases for any test runner. A source that passes lets go of its
 * provider whenever it is told to; a producer that passes ends at once, gives everything back, and shows nothing half done.
 */
export function cancellationContract(options: CancellationContractOptions): ContractCase[] {
  const { withinMs = 1_000, clock = systemClock } = options
  return options.makeSource
    ? sourceCancelling({ make: options.makeSource, withinMs, clock })
    : producerCancelling({ make: options.makeProducer, withinMs, clock })
}
