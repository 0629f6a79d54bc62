import type { Logger } from 'generation-jobs'
import { createJsonLogger, createTidyLogger } from '../../generate-dialogue/view/log.ts'
import { isTerminal } from '../../generate-dialogue/view/screen.ts'

/** The library's log on stderr: tidy for a person at a terminal, JSON lines for everything else. */
export function createServerLogger(): Logger {
  const write = (line: string) => void process.stderr.write(`${line}\n`)
  return isTerminal(process.stderr) ? createTidyLogger(write) : createJsonLogger(write)
}
