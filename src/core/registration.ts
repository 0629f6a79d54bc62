import type { JsonObject } from '../protocol/json.js'
import type { Admission, Ticket } from './admission.js'
import { type Awaitable, whenAnswered } from './awaitable.js'
import { checkJsonObject } from './check-options.js'
import { CapacityError, JobAlreadyExistsError, JobConflictError, ManagerClosedError } from './errors.js'
import { flat } from './flat-text.js'
import type { CreateAnswer, JobRecord, JobStore, NewJob } from './job-store.js'
import type { RegisterOptions, ResolvedOptions } from './options.js'

export interface Registered {
  readonly record: JobRecord
  /** Only for a job that this call made. */
  readonly own?: { readonly ticket: Ticket; readonly operationId: string; readonly sentAt: number }
}

interface Request {
  readonly options: RegisterOptions
  readonly metadata: JsonObject | undefined
  readonly operationId: string
  /** Of a job that a queue will bring to a node: nobody owns it, so only its deadline ends it. */
  readonly queueDeadlineMs: number | undefined
}

/** A job in somebody else's queue takes no place here. */
const NO_PLACE: Ticket = { hasSlot: false, ready: () => undefined, release: () => undefined }

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
  readonly #operationPrefix: string
  #count = 0

  constructor(parts: RegistrationParts) {
    this.#parts = parts
    this.#operationPrefix = flat(`${parts.nodeId}.`)
  }

  /** In this tick where the store answers at once. Throws or rejects as {@link GenerationJobManager.register} says. */
  register(options: RegisterOptions, queueDeadlineMs?: number): Awaitable<Registered> {
    const metadata = options.metadata === undefined ? undefined : checkJsonObject('metadata', options.metadata)
    return this.#attempt({ options, metadata, operationId: this.newOperationId(), queueDeadlineMs })
  }

  newOperationId(): string {
    return this.#operationPrefix + ++this.#count
  }

  #attempt(request: Request): Awaitable<Registered> {
    const { store, isOpen, now } = this.#parts
    if (!isOpen()) throw new ManagerClosedError()
    const { options, operationId, queueDeadlineMs } = request
    const ticket = queueDeadlineMs === undefined ? this.#reserve(options) : NO_PLACE
    const sentAt = now()
    return whenAnswered<CreateAnswer, Registered>(
      () => store.create(this.#newJob(request, ticket)),
      (answer) => {
        if (answer.answer === 'created' && ticket)
          return { record: answer.record, own: { ticket, operationId, sentAt } }
        ticket?.release()
        return this.#refused(request, answer)
      },
      (error) => {
        ticket?.release()
        throw error
      },
    )
  }

  #refused(request: Request, answer: CreateAnswer): Awaitable<Registered> {
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

  #newJob({ options, metadata, operationId, queueDeadlineMs }: Request, ticket: Ticket | undefined): NewJob {
    const { owner, group, idempotencyKey, requestFingerprint, onConflict = 'allow' } = options
    const { maxLogEvents, maxLogBytes, retentionMs } = this.#parts.options
    return {
      jobId: options.jobId ?? flat(crypto.randomUUID()),
      operationId,
      nodeId: queueDeadlineMs === undefined ? this.#parts.nodeId : undefined,
      want: ticket ? (ticket.hasSlot ? 'running' : 'pending') : 'lookup',
      owner,
      group,
      exclusiveInGroup: onConflict !== 'allow',
      idempotencyKey,
      requestFingerprint,
      metadata,
      deadlineMs: queueDeadlineMs,
      maxLogEvents,
      maxLogBytes,
      retentionMs,
    }
  }
}

function checkedFingerprint(record: JobRecord, { requestFingerprint }: RegisterOptions): JobRecord {
  if (requestFingerprint !== undefined && record.requestFingerprint !== requestFingerprint) {
    throw new JobConflictError('idempotency.conflict', record.jobId)
  }
  return record
}
