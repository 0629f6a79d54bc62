import type { JobRecord, JobSnapshot, JobStatus, JobStore, NewJob } from 'generation-jobs'

/** A store that breaks one rule of the port: the methods that differ from the store they are put over. */
type Plant = (store: JobStore) => Partial<JobStore>

const LIVE: readonly JobStatus[] = ['pending', 'running', 'committing', 'cancelling']
const SETTLED: readonly JobStatus[] = ['completed', 'failed', 'cancelled']

/** What a store can get wrong, each on its own. Its name is the rule that it breaks. */
export const PLANTED_FAULTS: Readonly<Record<string, Plant>> = {
  // ── create ─────────────────────────────────────────────────────────────────────────────────────────────────────────
  'create: a repeat is a second request': (store) => ({
    create: (job) => store.create({ ...job, operationId: fresh() }),
  }),
  'create: a taken id is handed out': (store) => ({
    async create(job) {
      const record = await store.read(job.jobId)
      return record ? { answer: 'created', record } : store.create(job)
    },
  }),
  'create: everything is pending': (store) => ({
    create: (job) => store.create({ ...job, want: job.want === 'lookup' ? 'lookup' : 'pending' }),
  }),
  'create: a lookup records a job': (store) => ({
    create: (job) => store.create({ ...job, want: job.want === 'lookup' ? 'pending' : job.want }),
  }),
  'create: metadata goes through a script that loses empty lists': (store) => ({
    create: (job) => store.create(job.metadata ? { ...job, metadata: withoutEmptyLists(job.metadata) } : job),
  }),
  'create: the fingerprint is forgotten': (store) => ({
    create: ({ requestFingerprint, ...job }) => store.create(job),
  }),
  'create: a record is an object that lives on': (store) => {
    const records = new Map<string, object>()
    const live = (record: JobRecord): JobRecord => {
      const same = Object.assign(records.get(record.jobId) ?? {}, record) as JobRecord
      records.set(record.jobId, same)
      return same
    }
    return {
      async create(job) {
        const answer = await store.create(job)
        return 'record' in answer ? { ...answer, record: live(answer.record) } : answer
      },
      async settle(operation) {
        const answer = await store.settle(operation)
        return 'record' in answer ? { ...answer, record: live(answer.record) } : answer
      },
    }
  },

  // ── keys and groups ────────────────────────────────────────────────────────────────────────────────────────────────
  'key: is ignored': (store) => ({ create: ({ idempotencyKey, ...job }) => store.create(job) }),
  'key: is everybody’s': (store) => keyedBy(store, ({ idempotencyKey }) => idempotencyKey),
  'key: runs into the name of the owner': (store) =>
    keyedBy(store, ({ owner, idempotencyKey }) => idempotencyKey && `${owner}:${idempotencyKey}`),
  'key: is free again at the end of its job': (store) => ({
    async create(job) {
      const answer = await store.create(job)
      const { idempotencyKey, ...keyless } = job
      const isFree = answer.answer === 'same-key' && SETTLED.includes(answer.record.status)
      return isFree && job.want !== 'lookup' ? store.create(keyless) : answer
    },
  }),
  'key: is looked at after the id': (store) => ({
    async create(job) {
      const record = await store.read(job.jobId)
      const { idempotencyKey, ...keyless } = job
      const answer = await store.create(job)
      return record && answer.answer === 'same-key' ? store.create(keyless) : answer
    },
  }),
  'group: does not count': (store) => ({ create: (job) => store.create({ ...job, exclusiveInGroup: false }) }),
  'group: always counts': (store) => ({ create: (job) => store.create({ ...job, exclusiveInGroup: true }) }),
  'group: is looked at one step before the write': (store) => ({
    async create(job) {
      const [busy] = job.exclusiveInGroup && job.group ? await store.list({ ...scopeOf(job), status: LIVE }) : []
      await Promise.resolve()
      return busy && job.want !== 'lookup' && !job.idempotencyKey
        ? { answer: 'group-busy', jobId: busy.jobId }
        : store.create({ ...job, exclusiveInGroup: false })
    },
  }),
  'group: is everybody’s': (store) => ({
    async create(job) {
      const answer = await store.create(job)
      if (answer.answer !== 'created' || !job.exclusiveInGroup || !job.group) return answer
      const others = await store.list({ group: job.group, status: LIVE })
      const other = others.find(({ jobId }) => jobId !== job.jobId)
      return other ? { answer: 'group-busy', jobId: other.jobId } : answer
    },
  }),
  'group: is busy until its job is swept': (store) => ({
    async create(job) {
      const [other] = job.exclusiveInGroup && job.group ? await store.list(scopeOf(job)) : []
      return other && !job.idempotencyKey ? { answer: 'group-busy', jobId: other.jobId } : store.create(job)
    },
  }),

  // ── start ──────────────────────────────────────────────────────────────────────────────────────────────────────────
  'start: a repeat is a second start': (store) => ({
    start: (request) => store.start({ ...request, operationId: fresh() }),
  }),
  'start: two may start': (store) => ({
    async start(request) {
      const answer = await store.start(request)
      return answer.answer === 'not-pending' && answer.record.status === 'running'
        ? { ...answer, answer: 'started' }
        : answer
    },
  }),
  'start: the node of a queue gets no token of its own': (store) => {
    const tokens = new Map<string, number>()
    return {
      async start(request) {
        const answer = await store.start(request)
        if (answer.answer === 'started') tokens.set(request.jobId, answer.record.fencingToken)
        const { fencingToken } = request
        return answer.answer === 'started' ? { ...answer, record: { ...answer.record, fencingToken } } : answer
      },
      append: (jobId, token, ...rest) => store.append(jobId, tokens.get(jobId) ?? token, ...rest),
    }
  },

  // ── fencing ────────────────────────────────────────────────────────────────────────────────────────────────────────
  'fence: append does not look': (store) => ({
    append: async (jobId, token, ...rest) => store.append(jobId, await tokenOf(store, jobId, token), ...rest),
  }),
  'fence: a claim does not look': (store) => ({
    claimCommit: async (operation) => store.claimCommit(await refenced(store, operation)),
  }),
  'fence: a settle does not look': (store) => ({
    settle: async (operation) => store.settle(await refenced(store, operation)),
  }),
  'fence: a start does not look': (store) => ({
    start: async (request) => store.start(await refenced(store, request)),
  }),
  'fence: a renewal does not look': (store) => ({
    renewLeases: async (leases) => store.renewLeases(await Promise.all(leases.map((one) => refenced(store, one)))),
  }),
  'fence: only older owners are refused': (store) => ({
    async append(jobId, token, ...rest) {
      return store.append(jobId, Math.min(token, await tokenOf(store, jobId, token)), ...rest)
    },
  }),
  'fence: is looked at after the status': (store) => ({
    async append(jobId, token, ...rest) {
      const answer = await store.append(jobId, token, ...rest)
      const record = await store.read(jobId)
      const isOver = record && record.status !== 'running' && record.status !== 'committing'
      return answer.answer === 'fenced' && isOver ? { answer: 'not-running', record } : answer
    },
  }),

  // ── append ─────────────────────────────────────────────────────────────────────────────────────────────────────────
  'append: a repeat is a gap': (store) => ({
    async append(...args) {
      const { lastSeq = 0 } = (await store.read(args[0])) ?? {}
      const first = args[2][0]
      const answer = await store.append(...args)
      return answer.answer === 'accepted' && first && first.seq <= lastSeq ? { answer: 'gap', lastSeq } : answer
    },
  }),
  'append: a hole is passed over': (store) => ({
    async append(...args) {
      const answer = await store.append(...args)
      return answer.answer === 'gap' ? { answer: 'accepted' } : answer
    },
  }),
  'append: what is new of a batch is taken': (store) => ({
    async append(jobId, token, events, bytes) {
      const { lastSeq = 0 } = (await store.read(jobId)) ?? {}
      const rest = events.filter(({ seq }) => seq > lastSeq)
      return store.append(jobId, token, rest.length > 0 ? rest : events, bytes)
    },
  }),
  'append: what comes after a cancel is silently dropped': (store) => ({
    async append(...args) {
      const answer = await store.append(...args)
      return answer.answer === 'not-running' && answer.record.status === 'cancelling' ? { answer: 'accepted' } : answer
    },
  }),
  'append: bytes are not counted': (store) => ({
    append: (jobId, token, events) => store.append(jobId, token, events, 0),
  }),
  'append: events are not counted': (store) => ({
    create: (job) => store.create({ ...job, maxLogEvents: Number.POSITIVE_INFINITY }),
  }),
  'append: a batch that is too large is taken in part': (store) => ({
    async append(jobId, token, events, bytes) {
      const answer = await store.append(jobId, token, events, bytes)
      if (answer.answer === 'log-full') await store.append(jobId, token, events.slice(0, 1), 0)
      return answer
    },
  }),
  'append: is closed while committing': (store) => ({
    async append(...args) {
      const record = await store.read(args[0])
      const answer = await (record?.status === 'committing' ? undefined : store.append(...args))
      return answer ?? (record ? { answer: 'not-running', record } : { answer: 'gone' })
    },
  }),

  // ── reading ────────────────────────────────────────────────────────────────────────────────────────────────────────
  'readEvents: the event at the cursor comes again': (store) => ({
    readEvents: (jobId, after, limit) => store.readEvents(jobId, Math.max(0, after - 1), limit),
  }),
  'readEvents: gives everything there is': (store) => ({
    readEvents: (jobId, after) => store.readEvents(jobId, after, 1_000),
  }),
  'readEvents: says who cancelled': (store) => ({
    async readEvents(...args) {
      const answer = await store.readEvents(...args)
      const by = (await store.read(args[0]))?.cancel?.reason.by
      if (answer.answer !== 'events' || by === undefined) return answer
      return { ...answer, events: answer.events.map((one) => (one.type === 'cancelling' ? { ...one, by } : one)) }
    },
  }),
  'readEvents: keeps back the last event': (store) => ({
    async readEvents(...args) {
      const answer = await store.readEvents(...args)
      return answer.answer === 'events' && SETTLED.includes(answer.status)
        ? { ...answer, events: answer.events.slice(0, -1) }
        : answer
    },
  }),
  'readEvents: a log that is no longer kept looks empty': (store) => ({
    async readEvents(...args) {
      const answer = await store.readEvents(...args)
      const status = (await store.read(args[0]))?.status ?? 'completed'
      return answer.answer === 'expired' ? { answer: 'events', events: [], status } : answer
    },
  }),

  // ── claim and settle ───────────────────────────────────────────────────────────────────────────────────────────────
  'claim: a repeat is lost': (store) => ({
    claimCommit: (operation) => store.claimCommit({ ...operation, operationId: fresh() }),
  }),
  'claim: two may claim': (store) => ({
    async claimCommit(operation) {
      const answer = await store.claimCommit(operation)
      return answer.answer === 'lost' && answer.record.status === 'committing' ? { answer: 'claimed' } : answer
    },
  }),
  'claim: wins against a cancel': (store) => ({
    async claimCommit(operation) {
      const answer = await store.claimCommit(operation)
      return answer.answer === 'lost' && answer.record.status === 'cancelling' ? { answer: 'claimed' } : answer
    },
  }),
  'settle: a repeat comes too late': (store) => ({
    settle: (operation) => store.settle({ ...operation, operationId: fresh() }),
  }),
  'settle: a second end is taken for the first': (store) => ({
    async settle(operation) {
      const answer = await store.settle(operation)
      return answer.answer === 'already-settled' ? { ...answer, answer: 'settled' } : answer
    },
  }),
  'settle: a producer that finishes beats a cancel': (store) => ({
    async settle(operation) {
      const answer = await store.settle(operation)
      return answer.answer === 'refused' ? { ...answer, answer: 'settled' } : answer
    },
  }),
  'settle: the owner cannot cancel by itself': (store) => ({
    async settle(operation) {
      const record = await store.read(operation.jobId)
      const isOwn = operation.end.status === 'cancelled' && record?.status === 'running'
      return isOwn ? { answer: 'refused', record } : store.settle(operation)
    },
  }),
  'settle: an empty result is no result': (store) => ({
    settle({ end, ...operation }) {
      if (end.status !== 'completed' || end.result) return store.settle({ ...operation, end })
      const { result, ...rest } = end
      return store.settle({ ...operation, end: rest })
    },
  }),
  'settle: usage is forgotten': (store) => ({
    settle({ end: { usage, ...end }, ...operation }) {
      return store.settle({ ...operation, end })
    },
  }),

  // ── cancel ─────────────────────────────────────────────────────────────────────────────────────────────────────────
  'cancel: a repeat joins': (store) => ({
    requestCancel: (request) => store.requestCancel({ ...request, cancelId: fresh() }),
  }),
  'cancel: of a committing job is accepted': (store) => ({
    async requestCancel(request) {
      const answer = await store.requestCancel(request)
      const record = await store.read(request.jobId)
      return answer.answer === 'too-late' && record ? { answer: 'accepted', record } : answer
    },
  }),
  'cancel: of nobody is accepted': (store) => ({
    async requestCancel(request) {
      const answer = await store.requestCancel(request)
      if (answer.answer !== 'not-found') return answer
      await store.create({ ...JOB, jobId: request.jobId, operationId: fresh() })
      return answer
    },
  }),
  'cancel: the last reason counts': (store) => {
    const last = new Map<string, object>()
    const newest = (record: JobRecord | undefined) =>
      record?.cancel && last.has(record.jobId)
        ? ({ ...record, cancel: { ...record.cancel, reason: last.get(record.jobId) } } as JobRecord)
        : record
    return {
      requestCancel(request) {
        last.set(request.jobId, request.reason)
        return store.requestCancel(request)
      },
      read: async (jobId) => newest(await store.read(jobId)),
    }
  },
  'cancel: a pending job waits for its owner': (store) => ({
    async requestCancel(request) {
      const record = await store.read(request.jobId)
      return record?.status === 'pending' ? { answer: 'accepted', record } : store.requestCancel(request)
    },
  }),
  'cancel: the words of a reason are dropped': (store) => ({
    requestCancel: ({ reason: { kind, at }, ...request }) => store.requestCancel({ ...request, reason: { kind, at } }),
  }),

  // ── leases ─────────────────────────────────────────────────────────────────────────────────────────────────────────
  'lease: a cancel renews it': (store) => ({
    async requestCancel(request) {
      const answer = await store.requestCancel(request)
      await renewFor(store, request.jobId)
      return answer
    },
  }),
  'lease: a viewer renews it': (store) => ({
    async touchViewers(touches) {
      await store.touchViewers(touches)
      for (const { jobId } of touches) await renewFor(store, jobId)
    },
  }),
  'lease: a reader renews it': (store) => ({
    async readEvents(...args) {
      await renewFor(store, args[0])
      return store.readEvents(...args)
    },
  }),
  'lease: a refused append renews it': (store) => ({
    async append(...args) {
      await renewFor(store, args[0])
      return store.append(...args)
    },
  }),
  'renew: the reason is not told': (store) => ({
    renewLeases: async (leases) =>
      (await store.renewLeases(leases)).map((one) => {
        if (one.answer !== 'renewed') return one
        const { reason, ...rest } = one
        return rest
      }),
  }),
  'renew: answers in an order of its own': (store) => ({
    renewLeases: async (leases) => [...(await store.renewLeases(leases))].reverse(),
  }),
  'renew: answers for the living only': (store) => ({
    renewLeases: async (leases) => (await store.renewLeases(leases)).filter(({ answer }) => answer === 'renewed'),
  }),

  // ── reap ───────────────────────────────────────────────────────────────────────────────────────────────────────────
  'reap: never': () => ({ reap: () => [] }),
  'reap: does not say whom': (store) => ({
    async reap() {
      await store.reap()
      return []
    },
  }),
  'reap: says everybody who is over': (store) => ({
    async reap() {
      await store.reap()
      return (await store.list({ status: ['failed', 'cancelled'] })).filter(({ cleanup }) => cleanup === 'unknown')
    },
  }),
  'reap: the token stays': (store) => {
    const before = new Map<string, number>()
    const aged = (record: JobRecord | undefined) =>
      record && { ...record, fencingToken: before.get(record.jobId) ?? record.fencingToken }
    return {
      async reap() {
        for (const { jobId, fencingToken } of await store.list({ status: LIVE })) before.set(jobId, fencingToken)
        return (await store.reap()).map((record) => aged(record) ?? record)
      },
      read: async (jobId) => aged(await store.read(jobId)),
    }
  },
  'reap: a cancelling job has failed': (store) => reapedAs(store, 'cancelled', { status: 'failed' }),
  'reap: nobody knows about a commit': (store) => reapedAs(store, 'failed', { commit: 'none' }),
  'reap: a dead owner cleaned up': (store) => reapedAs(store, 'failed', { cleanup: 'clean' }),
  'reap: a queued job is given to somebody': (store) => ({
    create: (job) => store.create({ nodeId: 'somebody', ...job }),
  }),
  'reap: a queued job has no deadline': (store) => ({ create: ({ deadlineMs, ...job }) => store.create(job) }),

  // ── viewers ────────────────────────────────────────────────────────────────────────────────────────────────────────
  'viewers: every touch counts': (store) => ({
    touchViewers: (touches) => store.touchViewers(touches.map((one) => ({ ...one, viewerId: fresh() }))),
  }),
  'viewers: nobody leaves': (store) => ({
    touchViewers: (touches) => store.touchViewers(touches.filter(({ ttlMs }) => ttlMs > 0)),
  }),
  'viewers: stay without being touched': (store) => ({
    touchViewers: (touches) =>
      store.touchViewers(touches.map((one) => ({ ...one, ttlMs: one.ttlMs > 0 ? 1e9 : one.ttlMs }))),
  }),
  'viewers: are one or none': (store) =>
    watched(store, ({ viewers, ...rest }) => ({ ...rest, viewers: Math.min(1, viewers) })),
  'viewers: nobody knows how long they are gone': (store) =>
    watched(store, (answer) => ({ ...answer, unwatchedMs: 0 })),

  // ── hints ──────────────────────────────────────────────────────────────────────────────────────────────────────────
  'watchJob: never wakes': () => ({ watchJob: () => () => {} }),
  'watchJob: does not stop': (store) => ({
    watchJob(jobId, wake) {
      store.watchJob(jobId, wake)
      return () => {}
    },
  }),
  'watchNode: never wakes': () => ({ watchNode: () => () => {} }),

  // ── list ───────────────────────────────────────────────────────────────────────────────────────────────────────────
  'list: newest first': (store) => ({ list: async (filter) => [...(await store.list(filter))].reverse() }),
  'list: owners see all': (store) => ({ list: ({ owner, ...filter }) => store.list(filter) }),
  'list: groups are ignored': (store) => ({ list: ({ group, ...filter }) => store.list(filter) }),
  'list: only one status counts': (store) => ({
    list: ({ status, ...filter }) => store.list({ ...filter, status: status?.slice(0, 1) }),
  }),
  'list: no status is every status': (store) => ({
    list: ({ status, ...filter }) => store.list({ ...filter, status: status?.length === 0 ? undefined : status }),
  }),

  // ── retention ──────────────────────────────────────────────────────────────────────────────────────────────────────
  'sweep: never': () => ({ sweep: () => {} }),
  'sweep: at once': (store) => ({ create: (job) => store.create({ ...job, retentionMs: 0 }) }),
  'sweep: the log stays': (store) => {
    const logs = new Map<string, Awaited<ReturnType<JobStore['readEvents']>>>()
    return {
      async readEvents(...args) {
        const answer = await store.readEvents(...args)
        if (answer.answer === 'events') logs.set(args[0], answer)
        return answer.answer === 'not-found' ? (logs.get(args[0]) ?? answer) : answer
      },
    }
  },
  'footprint: counts what is gone': (store) => {
    let events = 0
    return {
      append(...args) {
        events += args[2].length
        return store.append(...args)
      },
      footprint: () => ({ ...store.footprint(), logEvents: events }),
    }
  },
}

/** The store with one rule broken. */
export function withFault(store: JobStore, plant: Plant): JobStore {
  return { ...store, ...plant(store) }
}

const JOB: Omit<NewJob, 'jobId' | 'operationId'> = {
  want: 'pending',
  exclusiveInGroup: false,
  maxLogEvents: 10,
  maxLogBytes: 10,
  retentionMs: 10,
}

let count = 0
function fresh(): string {
  return `planted-${++count}`
}

async function tokenOf(store: JobStore, jobId: string, otherwise: number): Promise<number> {
  return (await store.read(jobId))?.fencingToken ?? otherwise
}

async function refenced<O extends { readonly jobId: string; readonly fencingToken: number }>(store: JobStore, one: O) {
  return { ...one, fencingToken: await tokenOf(store, one.jobId, one.fencingToken) }
}

async function renewFor(store: JobStore, jobId: string): Promise<void> {
  const record = await store.read(jobId)
  if (record) await store.renewLeases([record])
}

function scopeOf({ owner, group }: NewJob) {
  return { owner, group }
}

/** A store whose keys are of this kind; the store below sees none. */
function keyedBy(store: JobStore, keyOf: (job: NewJob) => string | undefined): Partial<JobStore> {
  const jobs = new Map<string, string>()
  return {
    async create(job) {
      const key = keyOf(job)
      const record = key === undefined ? undefined : await store.read(jobs.get(key) ?? '')
      if (record) return { answer: 'same-key', record }
      const { idempotencyKey, ...keyless } = job
      const answer = await store.create(keyless)
      if (key !== undefined && answer.answer === 'created') jobs.set(key, job.jobId)
      return answer
    },
  }
}

function reapedAs(store: JobStore, status: JobStatus, changes: Partial<JobSnapshot>): Partial<JobStore> {
  const reaped = new Set<string>()
  const changed = (record: JobRecord): JobRecord =>
    reaped.has(record.jobId) && record.status === status ? { ...record, ...changes } : record
  return {
    async reap() {
      const records = await store.reap()
      for (const { jobId } of records) reaped.add(jobId)
      return records.map(changed)
    },
    async read(jobId) {
      const record = await store.read(jobId)
      return record && changed(record)
    },
  }
}

type Renewed = Extract<Awaited<ReturnType<JobStore['renewLeases']>>[number], { answer: 'renewed' }>

function watched(store: JobStore, change: (answer: Renewed) => Renewed): Partial<JobStore> {
  return {
    renewLeases: async (leases) =>
      (await store.renewLeases(leases)).map((one) => (one.answer === 'renewed' ? change(one) : one)),
  }
}

/** What cjson does to an empty list. */
function withoutEmptyLists<T>(value: T): T {
  return JSON.parse(JSON.stringify(value).replaceAll('[]', '{}'))
}
