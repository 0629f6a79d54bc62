/** A place in src/ and what stands there instead. The text must stand there exactly once. */
export interface Edit {
  readonly file: string
  readonly find: string
  readonly replace: string
}

/** A mistake that somebody could make in the core. The explorer alone must find it. */
export interface PlantedFault {
  readonly name: string
  readonly edits: readonly Edit[]
}

const fault = (name: string, file: string, find: string, replace: string): PlantedFault => ({
  name,
  edits: [{ file: `core/${file}`, find, replace }],
})
const STORE = 'memory/memory-job-store.ts'

export const PLANTED_FAULTS: readonly PlantedFault[] = [
  // ── commit ─────────────────────────────────────────────────────────────────────────────────────────────────────────
  {
    name: 'an await between the check and the claim of a commit',
    edits: [
      {
        file: `core/${STORE}`,
        find: `claimCommit({ jobId, fencingToken, operationId }): ClaimAnswer {`,
        replace: `async claimCommit({ jobId, fencingToken, operationId }): Promise<ClaimAnswer> {`,
      },
      {
        file: `core/${STORE}`,
        find: `      job.claimId = operationId\n      moveTo(job, 'committing')`,
        replace: `      await undefined\n      job.claimId = operationId\n      moveTo(job, 'committing')`,
      },
    ],
  },
  fault(
    'a cancel is accepted while committing',
    STORE,
    `if (status === 'committing') return { answer: 'too-late', status }`,
    '',
  ),
  fault(
    'save is called although the claim was lost',
    'commit-gate.ts',
    `if (answer.answer !== 'claimed') throw`,
    `if (false as boolean) throw`,
  ),
  fault(
    'save is called although the claim was never answered',
    'commit-gate.ts',
    `      throw this.#failed(
        new CommitError('commit.unproved'`,
    `      if (cause instanceof StoreError) return this.#save(save)
      throw this.#failed(
        new CommitError('commit.unproved'`,
  ),
  fault('save is called twice', 'commit-gate.ts', `if (this.#phase !== 'open') {`, `if (this.#phase === 'claiming') {`),
  fault(
    'a save without answer is waited for for ever',
    'commit-gate.ts',
    `boundedWait(saving, commitTimeoutMs, limits`,
    `boundedWait(saving, commitTimeoutMs * 1_000, limits`,
  ),
  fault(
    'a save that failed is told as none',
    'run-end.ts',
    `const commit = isCommitOfUnknownEnd(fixed.error) ? 'unknown' : 'none'`,
    `const commit = isCommitOfUnknownEnd(fixed.error) && false ? 'unknown' : 'none'`,
  ),
  fault(
    'a save that resolved is forgotten when the producer fails afterwards',
    'run-end.ts',
    `if (isCommitted || !producerEnd || 'value' in producerEnd)`,
    `if (!producerEnd || 'value' in producerEnd)`,
  ),
  fault(
    'a dead owner that was saving is told as not committed',
    'job-end.ts',
    `if (job.status === 'committing') {`,
    `if (job.status === ('never' as string)) {`,
  ),
  fault(
    'half a text counts as a whole one',
    'run-context.ts',
    `if (!isCompleteFinish(this.#finish)) throw`,
    `if (false as boolean) throw`,
  ),

  // ── cleanup and end ────────────────────────────────────────────────────────────────────────────────────────────────
  fault(
    'settled before the cleanups are through',
    'cleanup-stack.ts',
    `left > 0 ? await boundedWait(running, left, this.#limits, { holdsProcess: true }) : TIMED_OUT`,
    `left > 0 ? undefined : await boundedWait(running, left, this.#limits)`,
  ),
  fault(
    'cleanups first registered first',
    'cleanup-stack.ts',
    `const entry = this.#stack.pop()`,
    `const entry = this.#stack.shift()`,
  ),
  fault(
    'a hung cleanup is waited for for ever',
    'cleanup-stack.ts',
    `const left = until - this.#limits.now()`,
    `const left = 1_000_000`,
  ),
  fault(
    'cleanups that had no time are never started',
    'cleanup-stack.ts',
    `for (let rest = this.#stack.pop(); rest; rest = this.#stack.pop()) void this.#start(rest, end)`,
    '',
  ),
  fault(
    'a cleanup that throws stops the others',
    'cleanup-stack.ts',
    `      fail(error)
      return undefined`,
    `      throw error`,
  ),
  fault(
    'a failed cleanup is told as clean',
    'cleanup-stack.ts',
    `return this.#failed ? 'failed' : 'clean'`,
    `return 'clean'`,
  ),
  fault(
    'a cleanup deferred while the others run is forgotten',
    'cleanup-stack.ts',
    `const running = this.#start(entry, this.#end)
    if (running`,
    `const running = undefined as Promise<void> | undefined
    if (running`,
  ),
  fault(
    'cleanups do not wait for a save',
    'run.ts',
    `if (this.#phase !== 'producing' || this.#gate?.isBusy) return`,
    `if (this.#phase !== 'producing') return`,
  ),
  fault(
    'a producer that does not end is waited for for ever',
    'run.ts',
    `  onEndingOver(): void {
    this.#release()`,
    `  onEndingOver(): void {`,
  ),
  fault(
    'a run whose last source lets go in the calling tick ends twice',
    'run.ts',
    `if (this.#phase !== 'producing') return // the last source let go`,
    `// the last source let go`,
  ),
  fault(
    'the producer may use up the whole grace period, and more',
    'run.ts',
    `startEnding(this.#endingSince + this.#env.options.gracePeriodMs / 2)`,
    `startEnding(this.#endingSince + this.#env.options.gracePeriodMs * 2)`,
  ),
  fault('a forced end does not say so', 'run.ts', `this.#isForced = true`, `this.#isForced = false`),
  fault(
    'an end that the store did not take is never written',
    'end-writer.ts',
    `if (settlement.kind === 'unrecorded' && settlement.retry) this.#tryAgainLater(end)`,
    `if (settlement.kind === 'unrecorded' && settlement.retry && (false as boolean)) this.#tryAgainLater(end)`,
  ),
  fault(
    'the end of another life of the id counts as the own one',
    'settlement.ts',
    `return record.createdAt === own.createdAt`,
    `return record.jobId === own.jobId`,
  ),

  // ── cancel ─────────────────────────────────────────────────────────────────────────────────────────────────────────
  fault(
    'a cancel is answered before the settle',
    'cancellation.ts',
    `  const { jobId } = run
  const isUnknown`,
    `  const { jobId } = run
  if (answer === 'accepted') return { outcome: 'cancelled', jobId, reason, forced: false, cleanup: 'clean', joined: false, runMs: 0, cancelMs: 0, recorded: true }
  const isUnknown`,
  ),
  fault(
    'a cancel does not end the wait of run.stream',
    'run.ts',
    `    this.token.cancel(reason)
    this.#stopPumps()`,
    `    this.token.cancel(reason)`,
  ),
  fault(
    'a producer that finishes after the cancel is completed',
    'run-end.ts',
    `if (reason) return { status: 'cancelled', reason }`,
    `if (reason && !(producerEnd && 'value' in producerEnd)) return { status: 'cancelled', reason }`,
  ),
  fault(
    'a later reason overwrites the first',
    STORE,
    `      if (status === 'cancelling') {`,
    `      if (status === ('never' as string)) {`,
  ),
  fault(
    'the signal carries another reason than the token',
    'cancel-token.ts',
    `this.abortSignal(this.error)`,
    `this.abortSignal(new JobCancelledError(this.#jobId, { kind: 'user', at: 0 }))`,
  ),
  fault(
    'every canceller is told that it was the first',
    'cancellation.ts',
    `isUnknown ? !isSameReason(outcome.reason, reason) : answer !== 'accepted'`,
    `false`,
  ),
  fault(
    'a pending job that was cancelled is started all the same',
    'run.ts',
    `    this.#ticket.release()`,
    `    this.#ticket.release()
    if (this.#phase === 'settled' && this.#startedAt === undefined) { this.#phase = 'starting'; this.#cancels = 0; this.#produce() }`,
  ),
  fault(
    'nobody tells the owner of a cancel by another node',
    'job-node.ts',
    `this.#unwatch = store.watchNode(nodeId, (jobId, cancel) => this.#leases.hinted(jobId, cancel))`,
    `this.#unwatch = store.watchNode(nodeId, () => undefined)`,
  ),
  fault(
    'a deadline is not kept',
    'run-limits.ts',
    `if (this.#deadlineAt <= now) return this.#host.onLimit('deadline')`,
    `if (this.#deadlineAt <= now) return`,
  ),
  fault(
    'a viewer who leaves cancels at once',
    'run-limits.ts',
    `if (viewers === 0 && unwatchedMs >= disconnectGraceMs)`,
    `if (viewers === 0)`,
  ),

  // ── output and sources ─────────────────────────────────────────────────────────────────────────────────────────────
  {
    name: 'a late chunk goes into the log, with a number of its own',
    edits: [
      {
        file: `core/${STORE}`,
        find: `if (record.status !== 'running' && record.status !== 'committing')`,
        replace: `if (isSettled(record.status))`,
      },
      {
        file: `core/${STORE}`,
        find: `if (!first || !last || last.seq <= log.lastSeq) return ACCEPTED`,
        replace: `if (!first || !last) return ACCEPTED`,
      },
      {
        file: `core/${STORE}`,
        find: `if (first.seq !== log.lastSeq + 1)`,
        replace: `if (first.seq > log.lastSeq + 1)`,
      },
      {
        file: `core/${STORE}`,
        find: `        log.push(event)\n`,
        replace: `        log.push({ ...event, seq: log.lastSeq + 1 })\n`,
      },
    ],
  },
  fault('a chunk is taken after the cancel', 'run.ts', `!this.#token?.isCancelled\n  }`, `true\n  }`),
  fault('numbers of events have gaps', 'run-output.ts', `return ++this.#lastSeq`, `return (this.#lastSeq += 2)`),
  fault(
    'return() of a source is never called',
    'source-pump.ts',
    `Promise.resolve(this.#upstream.return(reason)).then(release, release)`,
    `release()`,
  ),
  fault(
    'return() of a source is awaited without a bound',
    'source-pump.ts',
    `    this.#reject(error)
    this.#reader.runInAsyncScope(this.#close, this, error)`,
    `    this.#close(error)
    Promise.resolve(this.#upstream?.return?.(error)).then(() => this.#reject(error), () => this.#reject(error))`,
  ),
  fault(
    'a source is read twice at a time',
    'source-pump.ts',
    `      const next = this.#upstream.next()
`,
    `      const next = this.#upstream.next()
      void Promise.resolve(this.#upstream.next()).catch(() => undefined)
`,
  ),
  fault(
    'a return() that rejects is handled by nobody',
    'source-pump.ts',
    `Promise.resolve(this.#upstream.return(reason)).then(release, release)`,
    `Promise.resolve(this.#upstream.return(reason)).then(release)`,
  ),

  // ── what is left ───────────────────────────────────────────────────────────────────────────────────────────────────
  fault('the listener stays on the caller’s signal', 'run.ts', `this.#unlinkSignal?.()`, ''),
  fault(
    'a settled job stays in the registry',
    'job-node.ts',
    `onSettled: (jobId) => void runs.delete(jobId)`,
    `onSettled: () => undefined`,
  ),
  fault(
    'limits of a settled job stay',
    'run-limits.ts',
    `    this.#isRunning = false
    this.#limits.clear(this)`,
    `    this.#isRunning = false`,
  ),
  fault(
    'the slot of a settled job stays taken',
    'admission.ts',
    `    this.#running--
`,
    '',
  ),
  fault('the log of a swept job stays', 'memory/job-table.ts', `this.#jobs.delete(jobId)`, ''),

  // ── fencing ────────────────────────────────────────────────────────────────────────────────────────────────────────
  fault(
    'an append does not check the fencing token',
    STORE,
    `      const { record, log } = job
      if (record.fencingToken !== fencingToken) return FENCED`,
    `      const { record, log } = job`,
  ),
  fault(
    'a claim does not check the fencing token',
    STORE,
    `      if (job.record.fencingToken !== fencingToken) return FENCED
      if (!canTransition(job.status, 'committing'))`,
    `      if (!canTransition(job.status, 'committing'))`,
  ),
  fault(
    'a settle does not check the fencing token',
    STORE,
    `      if (job.record.fencingToken !== fencingToken) return FENCED
      if (end.status === 'cancelled'`,
    `      if (end.status === 'cancelled'`,
  ),
]
