import type { JsonObject } from '../protocol/json.js'
import type { Admission, Ticket } from './admission.js'
import { isThenable } from './awaitable.js'
import { bindToCaller } from './caller-context.js'
import { defined } from './defined.js'
import {
  CapacityError,
  InvalidOptionsError,
  JobAlreadyExistsError,
  JobConflictError,
  ManagerClosedError,
  show,
} from './errors.js'
import type { CreateAnswer, JobRecord, JobStore, NewJob } from './job-store.js'
import { checkJsonObject, type RegisterOptions, type ResolvedOptions } from './options.js'
import type { Producer } from './producer.js'

export interface Registered<T> {
  readonly record: JobRecord
  /** Only for a job that this call made. */
  readonly own?: {
    readonly ticket: Ticket
    readonly operationId: string
    readonly producer: Producer<T>
    readonly sentAt: number
  }
}

interface RegistrationParts {
  readonly nodeId: string
  readonly store: JobStore
  readonly admission: Admission
  readonly options: ResolvedOptions
  readonly now: () => number
  readonly isOpen: () => boolean
  /** Cancels the job that stands in the way (kind `replaced`) and waits; whether it is settled. */
  readonly replace: (jobId: string) => Promise<boolean>
}

/** Records new jobs: identity, groups and capacity, decided before any producer is touched. */
export class Registration {
  readonly #parts: RegistrationParts
  #count = 0

  constructor(parts: RegistrationParts) {
    this.#parts = parts
  }

  async register<T>(producer: Producer<T>, options: RegisterOptions): Promise<Registered<T>> {
    if (typeof producer !== 'function') {
      throw new InvalidOptionsError(`register: expected the producer to be a function, got ${show(producer)}.`)
    }
    const metadata = options.metadata === undefined ? undefined : checkJsonObject('metadata', options.metadata)
    const { store, isOpen, now, replace } = this.#parts
    const operationId = `${this.#parts.nodeId}.${++this.#count}`
    for (;;) {
      if (!isOpen()) throw new ManagerClosedError()
      const ticket = this.#reserve(options)
      const sentAt = now()
      let answer: CreateAnswer
      try {
        const asked = store.create(this.#newJob(options, metadata, operationId, ticket?.wants ?? 'lookup'))
        answer = isThenable(asked) ? await asked : asked
      } catch (error) {
        ticket?.release()
        throw error
      }
      if (answer.answer === 'created' && ticket) {
        const bound = ticket.wants === 'pending' ? bindToCaller(producer) : producer
        return { record: answer.record, own: { ticket, operationId, producer: bound, sentAt } }
      }
      ticket?.release()
      if (answer.answer === 'same-key') return { record: checkedFingerprint(answer.record, options) }
      if (answer.answer === 'exists') throw new JobAlreadyExistsError(options.jobId ?? '', answer.status)
      if (answer.answer !== 'group-busy') throw this.#capacityError(options) // a lookup that found nothing
      if (options.onConflict !== 'replace' || !(await replace(answer.jobId))) {
        throw new JobConflictError('job.conflict', answer.jobId)
      }
    }
  }

  /** No ticket for a request whose key may be known already: it costs no place, so it is looked up even at the limit. */
  #reserve(options: RegisterOptions): Ticket | undefined {
    try {
      return this.#parts.admission.reserve(options.owner)
    } catch (error) {
      if (error instanceof CapacityError && options.idempotencyKey !== undefined) return undefined
      throw error
    }
  }

  #capacityError(options: RegisterOptions): unknown {
    try {
      this.#parts.admission.reserve(options.owner).release()
    } catch (error) {
      return error
    }
    return new CapacityError('capacity.pending', this.#parts.options.maxPendingJobs)
  }

  #newJob(
    options: RegisterOptions,
    metadata: JsonObject | undefined,
    operationId: string,
    want: NewJob['want'],
  ): NewJob {
    const { owner, group, idempotencyKey, requestFingerprint, onConflict = 'allow' } = options
    const { maxLogEvents, maxLogBytes, retentionMs } = this.#parts.options
    return defined({
      jobId: options.jobId ?? crypto.randomUUID(),
      operationId,
      nodeId: this.#parts.nodeId,
      want,
      owner,
      group,
      exclusiveInGroup: onConflict !== 'allow',
      idempotencyKey,
      requestFingerprint,
      metadata,
      maxLogEvents,
      maxLogBytes,
      retentionMs,
    })
  }
}

function checkedFingerprint(record: JobRecord, { requestFingerprint }: RegisterOptions): JobRecord {
  if (requestFingerprint !== undefined && record.requestFingerprint !== requestFingerprint) {
    throw new JobConflictError('idempotency.conflict', record.jobId)
  }
  return record
}
