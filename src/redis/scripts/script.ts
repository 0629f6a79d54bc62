import { createHash } from 'node:crypto'
import type { JobStore } from '../../core/job-store.js'
import { BASE } from './parts/base.js'

/** One atomic step on the server. */
export interface Script {
  /** The method of the port that it carries out. */
  readonly operation: keyof JobStore
  readonly text: string
  /** By this the server knows a script that it has run before. */
  readonly sha: string
}

/** What a script answers: the shapes that every client gives alike. */
export type Reply = string | number | null | readonly Reply[]

/** An argument; what is `undefined` is sent as the empty text, which no name, id or JSON text is. */
export type Argument = string | number | undefined

/** Runs a script: answers the name of the answer, and what it carries. */
export type RunScript = (script: Script, args: readonly Argument[]) => Promise<Answer>

export interface Answer {
  readonly answer: string
  readonly carried: readonly Reply[]
}

/** A script of its own lines and of the shared parts that they use: what a script does not use, the server need not set up. */
export function script(operation: keyof JobStore, parts: readonly string[], lines: string): Script {
  const text = [BASE, ...parts, lines].join('')
  return { operation, text, sha: createHash('sha1').update(text).digest('hex') }
}
