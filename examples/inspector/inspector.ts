import type { GenerationJobManager, JobSnapshot } from 'generation-jobs'
import { eventTimes } from './event-times.ts'
import { LogDigests } from './log-digests.ts'
import { PAGE_HEADERS, readPage } from './page-files.ts'
import { Sightings } from './sightings.ts'
import { type Lane, toLane } from './timeline.ts'

export interface InspectorOptions {
  readonly manager: GenerationJobManager
  /**
   * Who may look; everybody else gets 404, as if there were no inspector. There is no default: it shows the jobs of all owners.
   * For a server on your own machine: `() => process.env.NODE_ENV === 'development'`.
   */
  readonly allow: (request: Request) => boolean | Promise<boolean>
  /** @defaultValue `/inspector` */
  readonly basePath?: string | undefined
  /** How many jobs are shown: live ones first, then the newest. @defaultValue 100 */
  readonly maxJobs?: number | undefined
  /** Shows `owner`, `group` and who cancelled. @defaultValue false */
  readonly showIdentities?: boolean | undefined
}

/** Answers one request. `stop()` takes its listeners off the manager; `manager.close()` does as well. */
export interface Inspector {
  (request: Request): Promise<Response>
  stop(): void
}

/** A job as the page gets it; identities only where they were asked for. */
export interface InspectedJob extends Lane {
  readonly owner?: string
  readonly group?: string
  readonly cancelledBy?: string
}

/** `GET {base}/jobs`, newest job first. `now` is the server's, epoch milliseconds. */
export interface InspectedJobs {
  readonly now: number
  /** Jobs that are recorded but not shown. */
  readonly hidden: number
  readonly jobs: readonly InspectedJob[]
}

/**
 * A page that shows a manager's jobs as timelines. It only reads: any method but GET and HEAD is refused, and no route changes a job.
 * Text that was prompted or generated, results, metadata and messages of errors never leave the process.
 *
 * @throws {TypeError} when `allow` is no function
 */
export function createInspector(options: InspectorOptions): Inspector {
  const { manager, allow, basePath = '/inspector', maxJobs = 100, showIdentities = false } = options
  if (typeof allow !== 'function')
    throw new TypeError('createInspector: `allow` says who may look; there is no default.')
  const now = fineClock()
  const sightings = new Sightings(manager, maxJobs * 2, now)
  const digests = new LogDigests(manager)
  let looking: Promise<InspectedJobs> | undefined

  /** Pages that ask at the same time share one look. */
  function look(): Promise<InspectedJobs> {
    looking ??= inspect().finally(() => {
      looking = undefined
    })
    return looking
  }

  async function inspect(): Promise<InspectedJobs> {
    const all = await manager.list()
    const shown = newest(all, maxJobs)
    const logs = await digests.of(shown)
    const jobs = shown.flatMap((job, index): InspectedJob[] => {
      const log = logs[index]
      if (!log) return []
      return [{ ...toLane(job, log, sightings.get(job.jobId)), ...(showIdentities && identitiesOf(job)) }]
    })
    return { now: now(), hidden: all.length - jobs.length, jobs }
  }

  async function answer(request: Request): Promise<Response> {
    if (!(await isAllowed(request, allow))) return refusal(404)
    if (request.method !== 'GET' && request.method !== 'HEAD') return refusal(405, { allow: 'GET, HEAD' })
    const url = new URL(request.url)
    if (url.pathname === basePath) return refusal(308, { location: `${basePath}/` })
    if (!url.pathname.startsWith(`${basePath}/`)) return refusal(404)
    const path = url.pathname.slice(basePath.length + 1)
    if (path === 'jobs') return json(await look())
    const jobId = /^jobs\/([^/]+)\/events$/.exec(path)?.[1]
    if (jobId !== undefined) {
      const times = await eventTimes(manager, jobId, url.searchParams)
      return times ? json(times) : refusal(404)
    }
    return (await readPage(path)) ?? refusal(404)
  }

  async function inspector(request: Request): Promise<Response> {
    const response = await answer(request).catch(() => refusal(503)) // a closed manager, or a store that is away
    return request.method === 'HEAD' ? new Response(null, response) : response
  }
  return Object.assign(inspector, { stop: () => sightings.stop() })
}

/** Below it, the two clocks differ by their rounding. */
const CLOCK_JUMP_MS = 5

/** What throws does not allow. */
async function isAllowed(request: Request, allow: InspectorOptions['allow']): Promise<boolean> {
  try {
    return (await allow(request)) === true
  } catch {
    return false
  }
}

/** Live jobs first, so that none is hidden by newer ones that have ended; then all in one order. */
function newest(jobs: readonly JobSnapshot[], limit: number): JobSnapshot[] {
  const byAge = (a: JobSnapshot, b: JobSnapshot): number => b.createdAt - a.createdAt
  const live = (job: JobSnapshot): number => (job.settledAt === undefined ? 0 : 1)
  return [...jobs]
    .reverse()
    .sort((a, b) => live(a) - live(b) || byAge(a, b))
    .slice(0, limit)
    .sort(byAge)
}

function identitiesOf({ owner, group, cancel }: JobSnapshot): Pick<InspectedJob, 'owner' | 'group' | 'cancelledBy'> {
  return {
    ...(owner !== undefined && { owner }),
    ...(group !== undefined && { group }),
    ...(cancel?.reason.by !== undefined && { cancelledBy: cancel.reason.by }),
  }
}

/** Epoch milliseconds with fractions: a good cancel takes less than one. It follows the wall clock where that jumps. */
function fineClock(): () => number {
  let offset = Date.now() - performance.now()
  return () => {
    const wall = Date.now()
    if (Math.abs(wall - offset - performance.now()) > CLOCK_JUMP_MS) offset = wall - performance.now()
    return offset + performance.now()
  }
}

function json(body: object): Response {
  return Response.json(body, { headers: PAGE_HEADERS })
}

function refusal(status: number, headers?: Record<string, string>): Response {
  return new Response(null, { status, headers: { ...PAGE_HEADERS, ...headers } })
}
