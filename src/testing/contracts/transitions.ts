import type { JobEnd } from '../../core/job-end.js'
import type { JobRecord } from '../../core/job-store.js'
import type { JobStatus } from '../../protocol/job-status.js'
import { check, checkFields, checkSame } from './check.js'
import { CANCELLED, COMPLETED, type ContractWorld, chunks, FAILED, type Scenario } from './contract-world.js'
import { STATUSES } from './statuses.js'

/** One operation of an owner: what it answers in each status to the owner, and to one whose fencing token is not the job's. */
interface OwnersOperation {
  readonly name: string
  readonly ask: (world: ContractWorld, job: JobRecord) => Promise<{ readonly answer: string }>
  readonly answers: Readonly<Record<JobStatus, string>>
  /** The end of a settled job is told to everybody, whatever token they have. */
  readonly tellsEnd: boolean
  /** Where the job is after the answer that lets it through. */
  readonly leadsTo?: JobStatus
}

const SETTLED_ALREADY = {
  completed: 'already-settled',
  failed: 'already-settled',
  cancelled: 'already-settled',
} as const

function settling(
  status: JobEnd['status'],
  end: JobEnd,
  committing: 'settled' | 'refused',
  cancelling: 'settled' | 'refused',
) {
  return {
    name: `settle ${status}`,
    ask: (world: ContractWorld, job: JobRecord) => world.settle(job, end),
    answers: { pending: 'refused', running: 'settled', committing, cancelling, ...SETTLED_ALREADY },
    tellsEnd: true,
    leadsTo: status,
  } satisfies OwnersOperation
}

const PASSES = ['started', 'accepted', 'claimed', 'settled', 'renewed']

const OPERATIONS: readonly OwnersOperation[] = [
  {
    name: 'start',
    ask: (world, job) => world.start(job),
    answers: { ...all('not-pending'), pending: 'started' },
    tellsEnd: false,
    leadsTo: 'running',
  },
  {
    name: 'append',
    ask: (world, job) => world.append(job, chunks(job.lastSeq + 1, job.lastSeq + 1)),
    answers: { ...all('not-running'), running: 'accepted', committing: 'accepted' },
    tellsEnd: false,
  },
  {
    name: 'claimCommit',
    ask: (world, job) => world.claim(job),
    answers: { ...all('lost'), running: 'claimed' },
    tellsEnd: false,
    leadsTo: 'committing',
  },
  settling('completed', COMPLETED, 'settled', 'refused'),
  settling('failed', FAILED, 'settled', 'refused'),
  settling('cancelled', CANCELLED, 'refused', 'settled'),
  {
    name: 'renewLeases',
    ask: (world, job) => world.renew(job),
    answers: { ...all('renewed'), ...SETTLED_ALREADY },
    tellsEnd: true,
  },
]

/** Every operation of an owner in every status: it checks the status and the fencing token together. */
export const transitions: readonly Scenario[] = OPERATIONS.flatMap((operation) =>
  STATUSES.flatMap((status) => [ofTheOwner(operation, status), ofAnother(operation, status)]),
)

function ofTheOwner({ name, ask, answers, leadsTo }: OwnersOperation, status: JobStatus): Scenario {
  const expected = answers[status]
  const passes = PASSES.includes(expected)
  return {
    name: `${name}: answers '${expected}' for a ${status} job${passes ? '' : ', and changes nothing'}`,
    async play(world) {
      const job = await world.job(status)
      const before = await world.seen(job.jobId)
      await world.advance(world.unit / 4)
      const answer = await ask(world, job)
      checkFields(answer, { answer: expected }, name)
      const record = await world.read(job.jobId)
      if ('record' in answer) checkSame(answer.record, record, `the record that ${name} answers`)
      if (passes) checkSame(record.status, leadsTo ?? status, `the status after ${name}`)
      if (passes && leadsTo) check(record.updatedAt > job.updatedAt, `updatedAt is not the time of ${name}`)
      if (!passes) checkSame(await world.seen(job.jobId), before, 'the job')
    },
  }
}

function ofAnother({ name, ask, answers, tellsEnd }: OwnersOperation, status: JobStatus): Scenario {
  const expected = tellsEnd && answers[status] === 'already-settled' ? 'already-settled' : 'fenced'
  return {
    name: `${name}: answers '${expected}' for a ${status} job to an older and to a newer fencing token`,
    async play(world) {
      const job = await world.job(status)
      const before = await world.seen(job.jobId)
      for (const step of [-1, 1, 1_000]) {
        const answer = await ask(world, { ...job, fencingToken: job.fencingToken + step })
        checkFields(answer, { answer: expected }, `${name} with token ${step}`)
      }
      checkSame(await world.seen(job.jobId), before, 'the job')
    },
  }
}

function all(answer: string): Record<JobStatus, string> {
  return {
    pending: answer,
    running: answer,
    committing: answer,
    cancelling: answer,
    completed: answer,
    failed: answer,
    cancelled: answer,
  }
}
