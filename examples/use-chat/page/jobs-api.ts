import type { UIMessage } from 'ai'
import { pause } from './pause.ts'

/** The server's own words about a stop; `unanswered` when it could not be asked within a minute and a half. */
export interface StopAnswer {
  readonly outcome: 'cancelled' | 'too-late' | 'already-settled' | 'requested' | 'not-found' | 'unanswered'
  /** Of the job afterwards. */
  readonly status?: string
  readonly message: string
}

/** The stop came too late: the answer was saved, or is being saved, and can be read. */
export function isAnswerKept({ status }: StopAnswer): boolean {
  return status === 'completed' || status === 'committing'
}

const ATTEMPT_MS = 10_000
const MAX_TRIES = 8
const FIRST_PAUSE_MS = 250

/** A chat as the server has it, and the job of the answer that is not among its messages yet. */
export async function readChat(api: string, chatId: string): Promise<{ messages: UIMessage[]; jobId?: string }> {
  const response = await ask(`${api}/chats/${encodeURIComponent(chatId)}`)
  if (!response?.ok) throw new Error(`The chat cannot be read: ${response?.status ?? 'no answer'}`)
  return response.json()
}

/** Creates the job. Sent again after a lost answer it finds the same one by its key. */
export async function createJob(api: string, body: object): Promise<string> {
  const key = crypto.randomUUID()
  const headers = { 'content-type': 'application/json', 'idempotency-key': key }
  const response = await ask(`${api}/jobs`, { method: 'POST', headers, body: JSON.stringify(body) })
  if (!response) throw new TypeError('network: the server gave no answer')
  const answer = await response.json().catch(() => ({}))
  if (!response.ok) throw new Error(answer.error?.message ?? `HTTP ${response.status}`)
  return answer.job_id
}

/** Asks until there is an answer; the browser sends it although the page is left. */
export async function cancelJob(api: string, jobId: string): Promise<StopAnswer> {
  const response = await ask(`${api}/jobs/${encodeURIComponent(jobId)}/cancel`, { method: 'POST', keepalive: true })
  const answer = await response?.json().catch(() => undefined)
  if (response?.ok && answer?.outcome) return answer
  const message = answer?.error?.message ?? 'Le serveur n’a pas répondu : la génération continue peut-être'
  return { outcome: response?.status === 404 ? 'not-found' : 'unanswered', message }
}

/** The answer, `undefined` if there was none; a server in trouble is asked again. */
async function ask(url: string, init?: RequestInit): Promise<Response | undefined> {
  for (let tries = 0; tries < MAX_TRIES; tries += 1) {
    const response = await fetch(url, { ...init, signal: AbortSignal.timeout(ATTEMPT_MS) }).catch(() => undefined)
    if (response && response.status < 500) return response
    await pause(Math.min(FIRST_PAUSE_MS * 2 ** tries, ATTEMPT_MS))
  }
  return undefined
}
