import type { CancelReason } from '../../protocol/cancel-reason.js'
import type { JobEvent } from '../../protocol/job-event.js'
import type { Fact } from './facts.js'

/** One fact as a line of a trace. Nothing in it differs between two executions of one schedule. */
export function describeFact(fact: Fact): string {
  return 'job' in fact ? `${fact.job}: ${describeJobFact(fact)}` : describeWorldFact(fact)
}

function describeJobFact(fact: Extract<Fact, { job: string }>): string {
  switch (fact.type) {
    case 'created':
      return `created, ${fact.status}`
    case 'status':
      return `${fact.from} → ${fact.to}${withReason(fact.reason)}`
    case 'logged':
      return `log ${fact.event.seq} ${describeEvent(fact.event)}`
    case 'viewer':
      return fact.ttlMs > 0 ? 'a viewer is there' : 'a viewer left'
    case 'forgotten':
      return 'record deleted'
    case 'started':
      return 'producer called'
    case 'emitted':
      return `emit ${fact.what}${fact.taken ? '' : ' refused'}`
    case 'streaming':
      return 'run.stream'
    case 'streamed':
      return `run.stream ended${failed(fact.error)}`
    case 'deferred':
      return `deferred ${fact.cleanup}`
    case 'cleaning':
      return `${fact.cleanup} starts (${fact.status}${withReason(fact.reason)})`
    case 'cleaned':
      return `${fact.cleanup} ended${failed(fact.error)}`
    case 'committing':
      return 'run.commit'
    case 'saving':
      return 'save called'
    case 'saved':
      return `save ended${failed(fact.error)}`
    case 'committed':
      return `run.commit ended${failed(fact.error)}`
    case 'produced':
      return `producer ended${failed(fact.error)}`
    case 'asked':
      return `cancel #${fact.call} asked${fact.by === undefined ? '' : ` by ${fact.by}`}`
    case 'answered':
      return `cancel #${fact.call} answered ${describeAnswer(fact.result)}`
    case 'refused':
      return `cancel #${fact.call} rejected${failed(fact.error)}`
    case 'waited':
      return `wait answered ${fact.result.settled ? fact.result.outcome.status : fact.result.cause}`
    case 'settled':
      return `settled ${describeOutcome(fact.outcome)}`
  }
}

function describeWorldFact(fact: Exclude<Fact, { job: string }>): string {
  switch (fact.type) {
    case 'time':
      return fact.waiting.length > 0 ? `time passes, owed: ${fact.waiting.join(', ')}` : 'time passes'
    case 'source':
      return `${fact.source} ${fact.what}${fact.text === undefined ? '' : ` ${JSON.stringify(fact.text)}`}`
    case 'store':
      return `store.${fact.operation} ${fact.answer}${fact.node === '' ? '' : ` (${fact.node})`}`
    case 'node':
      return `node ${fact.node} ${fact.what}`
    case 'note':
      return fact.text
    case 'left':
      return `left behind: ${fact.what}`
  }
}

function describeEvent(event: JobEvent): string {
  switch (event.type) {
    case 'chunk':
      return `chunk ${JSON.stringify(event.content)}`
    case 'step':
      return `step ${event.step}`
    case 'cancelling':
    case 'cancelled':
      return `${event.type} (${event.kind})`
    case 'error':
      return `error (${event.code})`
    default:
      return event.type
  }
}

function describeAnswer(result: { outcome: string; status?: string; forced?: boolean; joined?: boolean }): string {
  const { outcome, status, forced, joined } = result
  return [outcome, status, forced ? 'forced' : undefined, joined ? 'joined' : undefined].filter(Boolean).join(', ')
}

function describeOutcome(outcome: {
  status: string
  commit: string
  cleanup: string
  forced: boolean
  recorded: boolean
  error?: { code: string }
}): string {
  const { status, commit, cleanup, forced, recorded, error } = outcome
  const parts = [status, error?.code, `commit ${commit}`, `cleanup ${cleanup}`]
  return [...parts, forced ? 'forced' : undefined, recorded ? undefined : 'not recorded'].filter(Boolean).join(', ')
}

function withReason(reason: CancelReason | undefined): string {
  if (!reason) return ''
  return ` (${reason.kind}${reason.by === undefined ? '' : ` by ${reason.by}`})`
}

function failed(error: unknown): string {
  if (error === undefined) return ''
  const { code, name, message } = error as { code?: unknown; name?: unknown; message?: unknown }
  return ` with ${typeof code === 'string' ? code : `${String(name ?? 'error')}: ${String(message ?? error)}`}`
}
