import type { CancelKind, CleanupStatus, CommitStatus, JobSnapshot } from 'generation-jobs'

/** A part of a job's life. Milliseconds since its registration; without `endMs` it goes on. */
export interface Span {
  readonly kind: 'queue' | 'step' | 'commit' | 'letting-go' | 'cleanup' | 'settle'
  readonly label: string
  readonly startMs: number
  readonly endMs?: number
  /** Nobody waited for its end: the time for it was over. */
  readonly isForced?: boolean
}

/** One job as the page draws it: spans without gap or overlap, from its registration to its end. */
export interface Lane {
  readonly jobId: string
  readonly status: JobSnapshot['status']
  /** Epoch milliseconds. */
  readonly registeredAt: number
  /** From the registration to the end. */
  readonly durationMs?: number
  readonly spans: readonly Span[]
  /** From the request to the settle; `ms` is the sum of the phases, and the record's `cancel_ms`. */
  readonly cancel?: {
    readonly kind: CancelKind
    readonly requestedMs: number
    readonly ms?: number
    readonly phases: readonly Span[]
  }
  /** Whether this process saw the producer and the cleanups; else their part is one span. */
  readonly isSeenHere: boolean
  readonly forced?: boolean
  readonly cleanup?: CleanupStatus
  readonly commit?: CommitStatus
  readonly errorCode?: string
  readonly text: TextCount
  readonly droppedChunks?: number
  readonly firstChunkMs?: number
}

/** How much was generated. What was generated is nobody's business here. */
export interface TextCount {
  readonly chunks: number
  /** UTF-16 units. */
  readonly length: number
}

/** What the log of a job tells without its text. Instants are epoch milliseconds. */
export interface LogDigest {
  readonly steps: readonly { readonly step: string; readonly at: number }[]
  readonly text: TextCount
  readonly firstChunkAt?: number | undefined
}

/** What the process that ran the job saw of it; nothing of a job of another process. Instants are epoch milliseconds. */
export interface Sighting {
  registeredAt?: number
  startedAt?: number
  committingAt?: number
  cancelRequestedAt?: number
  producerEndedAt?: number
  readonly cleanups: { readonly label: string | undefined; readonly startedAt: number; endedAt?: number }[]
  settledAt?: number
  cancelMs?: number
  droppedChunks?: number
}

interface Boundary extends Pick<Span, 'kind' | 'label' | 'isForced'> {
  readonly at: number
}

/** A wait that is shorter is no span of its own. */
const NOTABLE_MS = 1

/** Puts record, log and sighting together. Each span begins where the one before it ends, so they add up to the whole. */
export function toLane(job: JobSnapshot, log: LogDigest, seen: Sighting | undefined): Lane {
  const registeredAt = seen?.registeredAt ?? job.createdAt
  const since = (at: number): number => round(at - registeredAt)
  const endAt = endOf(job, seen)
  const cancelAt = cancelInstant(job, seen)
  const boundaries = [...life(job, log, seen, registeredAt), ...release(job, seen, endAt)]
  const spans = toSpans(boundaries, registeredAt, endAt, since)
  const durationMs = endAt === undefined ? undefined : since(endAt)
  const { status, forced, cleanup, commit, error } = job
  return {
    jobId: job.jobId,
    status,
    registeredAt,
    ...(durationMs !== undefined && { durationMs }),
    spans,
    ...(job.cancel && { cancel: cancelOf(job.cancel.reason.kind, spans, since(cancelAt ?? registeredAt), durationMs) }),
    isSeenHere: seen?.startedAt !== undefined || job.startedAt === undefined,
    ...(forced !== undefined && { forced }),
    ...(cleanup !== undefined && { cleanup }),
    ...(commit !== undefined && { commit }),
    ...(error && { errorCode: error.code }),
    text: log.text,
    ...(seen?.droppedChunks !== undefined && { droppedChunks: seen.droppedChunks }),
    ...(log.firstChunkAt !== undefined && { firstChunkMs: Math.max(0, since(log.firstChunkAt)) }),
  }
}

/** From the registration to the moment when the end began. */
function life(job: JobSnapshot, log: LogDigest, seen: Sighting | undefined, registeredAt: number): Boundary[] {
  const startedAt = seen?.startedAt ?? job.startedAt
  const queue: Boundary = { kind: 'queue', label: 'waits for a slot', at: registeredAt }
  if (startedAt === undefined) return [queue]
  const endingAt = cancelInstant(job, seen) ?? seen?.producerEndedAt ?? Number.POSITIVE_INFINITY
  // A log's instants are whole milliseconds: a step may seem to come just before the start, or after the end began.
  const steps = log.steps
    .filter(({ at }) => at <= endingAt + NOTABLE_MS)
    .map(({ step, at }): Boundary => ({ kind: 'step', label: step, at: Math.min(Math.max(at, startedAt), endingAt) }))
  const [first, ...others] = steps
  const isNamedAtOnce = first !== undefined && first.at - startedAt <= NOTABLE_MS
  const hasWaited = (job.startedAt ?? startedAt) > job.createdAt
  const boundaries: Boundary[] = [
    { kind: 'step', label: isNamedAtOnce ? first.label : 'starting', at: hasWaited ? startedAt : registeredAt },
    ...(isNamedAtOnce ? others : steps),
  ]
  if (hasWaited) boundaries.unshift(queue)
  if (seen?.committingAt !== undefined) boundaries.push({ kind: 'commit', label: 'commit', at: seen.committingAt })
  return boundaries.sort((a, b) => a.at - b.at)
}

/** From the moment when the end began to the end: who let go when, each cleanup, and the settle. */
function release(job: JobSnapshot, seen: Sighting | undefined, endAt: number | undefined): Boundary[] {
  const cancelAt = cancelInstant(job, seen)
  const startedAt = seen?.startedAt ?? job.startedAt
  if (startedAt === undefined) return []
  if (seen?.startedAt === undefined) {
    return cancelAt === undefined ? [] : [{ kind: 'letting-go', label: 'release', at: cancelAt }]
  }
  const { producerEndedAt, cleanups } = seen
  const cleanupsAt = cleanups[0]?.startedAt ?? endAt
  const isLetGo = producerEndedAt !== undefined && producerEndedAt <= (cleanupsAt ?? producerEndedAt)
  const isForced = job.forced === true
  const boundaries: Boundary[] = []
  if (cancelAt !== undefined) {
    const label = 'producer lets go'
    boundaries.push({ kind: 'letting-go', label, at: cancelAt, isForced: isForced && !isLetGo })
  }
  if (isLetGo && (cleanupsAt ?? producerEndedAt + NOTABLE_MS) - producerEndedAt >= NOTABLE_MS) {
    boundaries.push({ kind: 'letting-go', label: 'source lets go', at: producerEndedAt, isForced })
  }
  for (const [index, { label = `cleanup ${index + 1}`, startedAt: at, endedAt }] of cleanups.entries()) {
    const isAbandoned = endAt !== undefined && (endedAt ?? Number.POSITIVE_INFINITY) > endAt
    boundaries.push({ kind: 'cleanup', label, at, isForced: job.cleanup === 'timed-out' && isAbandoned })
  }
  const lastEndedAt = Math.max(...cleanups.map(({ endedAt = Number.POSITIVE_INFINITY }) => endedAt))
  if (Number.isFinite(lastEndedAt)) boundaries.push({ kind: 'settle', label: 'settle', at: lastEndedAt })
  return boundaries
}

function toSpans(
  boundaries: readonly Boundary[],
  registeredAt: number,
  endAt: number | undefined,
  since: (at: number) => number,
): Span[] {
  let previous = registeredAt
  const starts = boundaries.map(({ at }) => {
    previous = Math.max(previous, Math.min(at, endAt ?? at)) // records are in whole milliseconds, sightings are finer
    return since(previous)
  })
  const spans = boundaries.map(({ kind, label, isForced }, index): Span => {
    const endMs = starts[index + 1] ?? (endAt === undefined ? undefined : since(endAt))
    return {
      kind,
      label,
      startMs: starts[index] ?? 0,
      ...(endMs !== undefined && { endMs }),
      ...(isForced && { isForced }),
    }
  })
  return spans.filter(({ kind, startMs, endMs }) => kind === 'cleanup' || kind === 'letting-go' || endMs !== startMs)
}

/** Its phases are the spans from the request on; a pending job has none, because it ends with the request itself. */
function cancelOf(
  kind: CancelKind,
  spans: readonly Span[],
  requestedMs: number,
  durationMs: number | undefined,
): NonNullable<Lane['cancel']> {
  const first = spans.findIndex((span) => span.kind === 'letting-go')
  const phases = first < 0 ? [] : spans.slice(first)
  const fromMs = phases[0]?.startMs ?? requestedMs
  const ms = durationMs === undefined ? undefined : round(durationMs - fromMs)
  return { kind, requestedMs: fromMs, ...(ms !== undefined && { ms }), phases }
}

function cancelInstant(job: JobSnapshot, seen: Sighting | undefined): number | undefined {
  return job.cancel && (seen?.cancelRequestedAt ?? job.cancel.requestedAt)
}

/** Of a cancelled job, the request and the exact `cancel_ms` of its record. */
function endOf(job: JobSnapshot, seen: Sighting | undefined): number | undefined {
  if (job.settledAt === undefined) return undefined
  if (seen?.cancelRequestedAt !== undefined && seen.cancelMs !== undefined)
    return seen.cancelRequestedAt + seen.cancelMs
  return Math.max(seen?.settledAt ?? job.settledAt, cancelInstant(job, seen) ?? 0, seen?.registeredAt ?? job.createdAt)
}

/** Microseconds are enough. */
function round(ms: number): number {
  return Math.round(ms * 1_000) / 1_000
}
