import { HEARTBEAT_MS, LEASE_MS } from './node.js'
import type { OwnerOptions } from './owner-process.js'
import { startProcess, type TalkingProcess } from './process.js'

/** A process that owns a job. */
export interface Owner extends TalkingProcess {
  readonly jobId: string
  /** SIGSTOP */
  stop(): void
  /** SIGCONT */
  continue(): void
}

export async function startOwner(
  port: number,
  prefix: string,
  does: OwnerOptions['does'],
  more: Pick<OwnerOptions, 'dateJumpMs'> = {},
): Promise<Owner> {
  const options: OwnerOptions = { port, prefix, does, leaseMs: LEASE_MS, heartbeatMs: HEARTBEAT_MS, ...more }
  const owner = startProcess('owner-process.ts', options)
  const { jobId } = await owner.hears('registered')
  return {
    ...owner,
    jobId: String(jobId),
    stop: () => owner.signal('SIGSTOP'),
    continue: () => owner.signal('SIGCONT'),
  }
}
