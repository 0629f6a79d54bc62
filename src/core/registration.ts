import type { JsonObject } from '../protocol/json.js'
import type { Admission, Ticket } from './admission.js'
import { type Awaitable, whenAnswered } from './awaitable.js'
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

interface Request<T> {
  readonly producer: Producer<T>
  readonly options: RegisterOptions
  readonly metadata: JsonObject | undefined
  readonly operationId: string
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

  /** In this tick where the store answers at once. Throws or rejects as {@link GenerationJobManager.register} says. */
  register<T>(producer: Producer<T>, options: RegisterOptions): Awaitable<Registered<T>> {
    if (typeof producer !== 'function') {
      throw new InvalidOptionsError(`register: expected the producer to be a function, got ${show(producer)}.`)
    }
    const metadata = options.metadata === undefined ? undefined : checkJsonObject('metadata', options.metadata)
    const operationId = `${this.#parts.nodeId}.${++this.#count}`
    return this.#attempt({ producer, options, metadata, operationId })
  }

  #attempt<T>(request: Request<T>): Awaitable<Registered<T>> {
    const { store, isOpen, now } = this.#parts
    if (!isOpen()) throw new ManagerClosedError()
    const ticket = this.#reserve(request.options)
    const sentAt = now()
    return whenAnswered<CreateAnswer, Registered<T>>(
      () => store.create(this.#newJob(request, ticket)),
      (answer) => {
        if (answer.answer === 'created' && ticket) return created(request, answer.record, ticket, sentAt)
        ticket?.release()
        return this.#refused(request, answer)
      },
      (error) => {
        ticket?.release()
        throw error
      },
    )
  }

  #refused<T>(request: Request<T>, answer: CreateAnswer): Awaitable<Registered<T>> {
    const { options } = request
    switch (answer.answer) {
      case 'same-key':
        return { record: checkedFingerprint(answer.record, options) }
      case 'exists':
        throw new JobAlreadyExistsError(options.jobId ?? '', answer.status)
      case 'group-busy': {
        const conflict = new JobConflictError('job.conflict', answer.jobId)
        if (options.onConflict !== 'replace') throw conflict
        return this.#parts.replace(answer.jobId).then((isSettled) => {
          if (!isSettled) throw conflict
          return this.#attempt(request)
        })
      }
      default: // a lookup, because there is no place, that found nothing
        throw this.#capacityError(options)
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

  #newJob<T>({ options, metadata, operationId }: Request<T>, ticket: Ticket | undefined): NewJob {
    const { owner, group, idempotencyKey, requestFingerprint, onConflict = 'allow' } = options
    const { maxLogEvents, maxLogBytes, retentionMs } = this.#parts.options
    return {
      jobId: options.jobId ?? crypto.randomUUID(),
      operationId,
      nodeId: this.#parts.nodeId,
      want: ticket ? (ticket.hasSlot ? 'running' : 'pending') : 'lookup',
      owner,
      group,
      exclusiveInGroup: onConflict !== 'allow',
      idempotencyKey,
      requestFingerprint,
      metadata,
      maxLogEvents,
      maxLogBytes,
      retentionMs,
    }
  }
}

function created<T>(request: Request<T>, record: JobRecord, ticket: Ticket, sentAt: number): Registered<T> {
  const { producer, operationId } = request
  return { record, own: { ticket, operationId, producer, sentAt } }
}

function checkedFingerprint(record: JobRecord, { requestFingerprint }: RegisterOptions): JobRecord {
  if (requestFingerprint !== undefined && record.requestFingerprint !== requestFingerprint) {
    throw new JobConflictError('idempotency.conflict', record.jobId)
  }
  return record
}
