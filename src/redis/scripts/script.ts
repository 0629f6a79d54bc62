import { createHash } from 'node:crypto'
import type { JobStore } from '../../core/job-store.js'
import { BASE } from './parts/base.js'

/** One atomic step on the server. */
export interface ScriptText {
  readonly text: string
  /** By this the server knows a script that it has run before. */
  readonly sha: string
}

export function scriptText(text: string): ScriptText {
  return { text, sha: createHash('sha1').update(text).digest('hex') }
}

/** A step of which several calls may go to the server together. */
export interface Script extends ScriptText {
  /** The method of the port that it carries out. */
  readonly operation: keyof JobStore
  /** How many calls may go together. */
  readonly together: number
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

/** A script holds up all others on the server, so it does so many small steps at most. */
const TOGETHER = 16

/**
 * A script of its own lines and of the shared parts that they use: what a script does not use, the server need not set up. Its
 * lines are one call, with the arguments in `arg`. Each call stands for itself: an error in one is the answer to that one, and what it
 * did before stands, also in the indexes. An error in all of them is most likely the server's, which takes no writes or has no memory: it is the error of the command, so that the
 * client hears it, which may look for another server.
 */
export function script(
  operation: keyof JobStore,
  parts: readonly string[],
  lines: string,
  { together = TOGETHER } = {},
): Script {
  const text = [BASE, ...parts, 'local function call(arg)', lines, 'end\n', CALLS].join('')
  return { operation, together, ...scriptText(text) }
}

/** Each call is the number of its arguments, and they. */
const CALLS = `
local answers, done, problem = {}, 0, ''
local at = 5
while ARGV[at] do
  local arg = {}
  for i = 1, tonumber(ARGV[at]) do arg[i] = ARGV[at + i] end
  at = at + #arg + 1
  local is_done, answer = pcall(call, arg)
  if is_done then
    done = done + 1
  else
    problem = type(answer) == 'table' and answer.err or tostring(answer)
    answer = {'failed', problem}
  end
  answers[#answers + 1] = answer
end
if done == 0 then
  pcall(write_indexes) -- what a call did before its error stands
  return {err = problem}
end
write_indexes()
return answers
`
