import type { GenerationView } from './generation-view.ts'

/** One line of JSON on stdout for each thing that happens; the log goes to stderr. */
export function createJsonView(output: NodeJS.WritableStream, errors: NodeJS.WritableStream): GenerationView {
  const print = (line: object) => output.write(`${JSON.stringify(line)}\n`)
  let trained = -1
  return {
    started({ jobId, model, seed }) {
      print({ type: 'started', job_id: jobId, model, seed })
    },
    training(share) {
      const percent = Math.floor(share * 10) * 10
      if (percent === trained) return
      trained = percent
      print({ type: 'training', percent })
    },
    event(event) {
      print(event)
    },
    interrupting() {
      print({ type: 'interrupting' })
    },
    notInterrupted({ outcome, ...rest }) {
      print({ type: 'not-interrupted', outcome, status: 'status' in rest ? rest.status : undefined })
    },
    ended({ outcome, file, exitCode }) {
      const { jobId, status, commit, cleanup, forced, queuedMs, runMs, usage } = outcome
      print({
        type: 'ended',
        job_id: jobId,
        status,
        reason: outcome.status === 'cancelled' ? outcome.reason.kind : undefined,
        error: outcome.status === 'failed' ? { code: outcome.error.code, message: outcome.error.message } : undefined,
        commit,
        cleanup,
        forced,
        queued_ms: Math.round(queuedMs),
        run_ms: Math.round(runMs),
        usage,
        file,
        exit_code: exitCode,
      })
    },
    log(line) {
      errors.write(`${line}\n`)
    },
    close() {},
  }
}
