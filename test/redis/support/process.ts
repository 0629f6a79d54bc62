import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'
import { until } from './until.js'

const hooks = fileURLToPath(new URL('../../support/package-hooks.mjs', import.meta.url))

/** A program takes seconds to start where the machine does something else. */
const START_MS = 40_000

export interface Told {
  readonly event: string
  readonly [field: string]: unknown
}

/** A program of this folder that writes one JSON line for each thing that happens. */
export interface TalkingProcess {
  readonly told: readonly Told[]
  /** Waits until it has said this, and gives it. */
  hears(event: string): Promise<Told>
  signal(name: NodeJS.Signals): void
  /** SIGKILL; resolves when it is gone. */
  kill(): Promise<void>
  /** How it ended. */
  readonly gone: Promise<{ code: number | null; signal: NodeJS.Signals | null }>
}

/** Killed at the latest when the test ends. */
export function startProcess(program: `${string}-process.ts`, options: object): TalkingProcess {
  const path = fileURLToPath(new URL(`./${program}`, import.meta.url))
  const child = spawn(process.execPath, ['--import', hooks, path, JSON.stringify(options)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let isGone = false
  // Not 'exit', which may come before its last lines.
  const gone = once(child, 'close').then(([code, signal]) => {
    isGone = true
    return { code, signal }
  })
  const told: Told[] = []
  createInterface({ input: child.stdout }).on('line', (line) => told.push(JSON.parse(line)))
  const kill = async () => {
    child.kill('SIGKILL')
    await gone
  }
  onTestFinished(kill)
  return {
    told,
    hears: (event) => {
      const look = () => {
        const heard = told.find((one) => one.event === event)
        if (!heard && isGone) throw new Error(`${program} ended without '${event}'`)
        return heard
      }
      return until(`'${event}' of ${program}`, look, START_MS)
    },
    signal: (name) => void child.kill(name),
    kill,
    gone,
  }
}
