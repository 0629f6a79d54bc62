import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'
import { HEARTBEAT_MS, LEASE_MS } from './node.js'
import type { OwnerOptions } from './owner-process.js'
import { until } from './until.js'

const hooks = fileURLToPath(new URL('../../support/package-hooks.mjs', import.meta.url))
const program = fileURLToPath(new URL('./owner-process.ts', import.meta.url))

export interface Told {
  readonly event: string
  readonly [field: string]: unknown
}

/** A process that owns a job. */
export interface Owner {
  readonly jobId: string
  readonly told: readonly Told[]
  /** Waits until it has said this, and gives it. */
  hears(event: string): Promise<Told>
  /** SIGKILL */
  kill(): Promise<void>
  /** SIGSTOP */
  stop(): void
  /** SIGCONT */
  continue(): void
}

export async function startOwner(port: number, prefix: string, does: OwnerOptions['does']): Promise<Owner> {
  const options: OwnerOptions = { port, prefix, does, leaseMs: LEASE_MS, heartbeatMs: HEARTBEAT_MS }
  const child = spawn(process.execPath, ['--import', hooks, program, JSON.stringify(options)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const gone = once(child, 'exit')
  const told: Told[] = []
  createInterface({ input: child.stdout }).on('line', (line) => told.push(JSON.parse(line)))
  const hears = (event: string) =>
    until(`'${event}' of the owner`, () => told.find((one) => one.event === event), 20_000)
  const kill = async () => {
    child.kill('SIGKILL')
    await gone
  }
  onTestFinished(kill)
  const { jobId } = await hears('registered')
  return {
    jobId: String(jobId),
    told,
    hears,
    kill,
    stop: () => void child.kill('SIGSTOP'),
    continue: () => void child.kill('SIGCONT'),
  }
}
