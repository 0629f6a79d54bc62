import type { ClientContext } from './client-options.js'
import { type WithinOptions, within } from './within.js'

export type Body = Readonly<Record<string, unknown>>

/** What the server said: an HTTP status and the JSON object of the body, `{}` where there is none. */
export interface Answer {
  readonly status: number
  readonly body: Body
}

/** One short request; `undefined` when there was no answer in time, or the signal aborted. Never rejects. */
export function ask(
  { clock, send }: ClientContext,
  path: string,
  timeoutMs: number,
  options: WithinOptions,
  init?: RequestInit,
): Promise<Answer | undefined> {
  return within(clock, timeoutMs, options, async (signal) => readAnswer(await send(path, { ...init, signal })))
}

/** Reads an answer to its end. */
export async function readAnswer(response: Response): Promise<Answer> {
  return { status: response.status, body: parseObject(await response.text()) }
}

/** The object of a JSON text; an empty one for anything else, the page of a proxy for instance. */
export function parseObject(json: string): Body {
  try {
    return Object(JSON.parse(json))
  } catch {
    return {}
  }
}

export function jobPath(jobId: string): string {
  return `/jobs/${encodeURIComponent(jobId)}`
}
