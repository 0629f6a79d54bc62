import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import type { Profiler } from 'node:inspector'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { SAMPLING_INTERVAL_US } from './sample-work.ts'

export interface ProfileOnExit {
  /** Options of Node for the process that is to be profiled, from its start to its exit. */
  readonly execArgv: string[]
  /** Once it has ended. */
  read(): Profiler.Profile
}

/** Profiles another process. Its clock is ours: windows that were opened here fit its samples. */
export function profileOnExit(): ProfileOnExit {
  const folder = mkdtempSync(join(tmpdir(), 'generation-jobs-profile-'))
  return {
    execArgv: ['--cpu-prof', `--cpu-prof-dir=${folder}`, `--cpu-prof-interval=${SAMPLING_INTERVAL_US}`],
    read() {
      const [file = ''] = readdirSync(folder)
      const profile = JSON.parse(readFileSync(join(folder, file), 'utf8'))
      rmSync(folder, { recursive: true })
      return profile
    },
  }
}
