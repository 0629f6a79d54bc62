import { whenAnswered } from './awaitable.js'
import type { CancelHint, JobStore, RenewAnswer } from './job-store.js'
import type { Run } from './run.js'
import type { TimeLimits } from './time-limits.js'

/**
 * Keeps the leases of this node's jobs: renews them with each heartbeat, hands on what the answers tell, and gives a job up
 * before anybody else may take it over. The local time without proof is counted from the moment the last successful renewal was
 * sent, so it always ends before the store's.
 */
export class LeaseKeeper {
  readonly #store: JobStore
  readonly #limits: TimeLimits
  readonly #runs: ReadonlyMap<string, Run<unknown>>
  #cancelSelfFence: (() => void) | undefined
  #isRenewing = false

  constructor(store: JobStore, limits: TimeLimits, runs: ReadonlyMap<string, Run<unknown>>) {
    this.#store = store
    this.#limits = limits
    this.#runs = runs
  }

  /** How long ownership counts without a renewal: the lease, less a second or a quarter of it. */
  get #provedForMs(): number {
    const { leaseMs } = this.#store
    return leaseMs - Math.min(1_000, leaseMs / 4)
  }

  /** Renews all leases; once at a time. */
  renewAll(): void {
    if (this.#isRenewing) return this.#giveUpUnproved()
    this.#isRenewing = true
    this.#renew([...this.#runs.values()], () => {
      this.#isRenewing = false
    })
    this.#giveUpUnproved()
  }

  /** The store has hinted that something happened to a job. */
  hinted(jobId: string, cancel: CancelHint | undefined): void {
    const run = this.#runs.get(jobId)
    if (run && cancel?.fencingToken === run.fencingToken) run.cancelRecorded(cancel.reason)
    else this.renewOne(jobId)
  }

  /** Renews one lease now. */
  renewOne(jobId: string): void {
    const run = this.#runs.get(jobId)
    if (run) this.#renew([run], () => undefined)
  }

  stop(): void {
    this.#cancelSelfFence?.()
  }

  #renew(runs: readonly Run<unknown>[], done: () => void): void {
    if (runs.length === 0) return done()
    const sentAt = this.#limits.now()
    void whenAnswered(
      () => this.#store.renewLeases(runs.map(({ jobId, fencingToken }) => ({ jobId, fencingToken }))),
      (answers: readonly RenewAnswer[]) => {
        done()
        for (const [index, answer] of answers.entries()) runs[index]?.onRenewed(answer, sentAt)
      },
      done,
    )
  }

  /** Gives up the jobs whose ownership was not proved in time, and looks again when the next one would be due. */
  #giveUpUnproved(): void {
    const now = this.#limits.now()
    const oldest = now - this.#provedForMs
    let next = Number.POSITIVE_INFINITY
    for (const run of [...this.#runs.values()]) {
      if (run.leaseProvedAt <= oldest) run.loseLease()
      else next = Math.min(next, run.leaseProvedAt)
    }
    // Only needed while renewals fail: a proof younger than two heartbeats is renewed in time.
    this.#cancelSelfFence?.()
    this.#cancelSelfFence = undefined
    if (next >= now - 2 * this.#store.heartbeatMs) return
    const left = next + this.#provedForMs - now
    this.#cancelSelfFence = this.#limits.schedule(left, () => this.#giveUpUnproved(), { holdsProcess: false })
  }
}
