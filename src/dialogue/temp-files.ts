import { createHash, randomUUID } from 'node:crypto'
import { readdirSync, rmSync, statSync } from 'node:fs'
import { hostname } from 'node:os'
import path from 'node:path'
import { systemClock } from '../core/system-clock.js'

/** No save takes so long: its commit limit is 30 s by default. */
const MAX_AGE_MS = 3_600_000
const PATTERN = /^\.dialogue-([0-9a-f]{8})-(\d+)-([0-9a-z]+)-[0-9a-f-]{36}\.tmp$/

/** The process in the name tells a save that is under way from what a dead process left. */
const host = createHash('sha256').update(hostname()).digest('hex').slice(0, 8)
/** Process ids come again, in a container after every restart; a start time does not. */
const startedAt = Math.round(performance.timeOrigin).toString(36)

/** A new name for an unfinished file of this process. It never ends in `.json`. */
export function tempFileName(): string {
  return `.dialogue-${host}-${process.pid}-${startedAt}-${randomUUID()}.tmp`
}

/**
 * Removes the unfinished files of processes that are gone. Files of live processes stay; of processes on
 * another machine (a shared volume) one can only tell by age, so theirs stay for an hour.
 */
export function removeStaleTempFiles(directory: string): void {
  for (const name of namesIn(directory)) {
    const [, ofHost, pid, since] = PATTERN.exec(name) ?? []
    if (pid === undefined) continue
    const file = path.join(directory, name)
    const ownerGone = ofHost === host && !isRunning(Number(pid), since)
    if (ownerGone || isOld(file)) ignoreErrors(() => rmSync(file, { force: true }))
  }
}

function namesIn(directory: string): readonly string[] {
  return ignoreErrors(() => readdirSync(directory)) ?? []
}

function isOld(file: string): boolean {
  const stats = ignoreErrors(() => statSync(file))
  return stats !== undefined && systemClock.now() - stats.mtimeMs > MAX_AGE_MS
}

function isRunning(pid: number, since: string | undefined): boolean {
  if (pid === process.pid) return since === startedAt
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    // Every other answer (EPERM: it belongs to somebody else) means that there is such a process.
    return (error as NodeJS.ErrnoException).code !== 'ESRCH'
  }
}

/** What cannot be tidied up now must not stop a start; the next start tries again. */
function ignoreErrors<T>(action: () => T): T | undefined {
  try {
    return action()
  } catch {
    return undefined
  }
}
