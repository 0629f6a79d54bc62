import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { type Question, type Row, valueRow } from '../measure/row.ts'
import { median, ratios } from '../measure/statistics.ts'

const run = promisify(execFile)
const cwd = fileURLToPath(new URL('..', import.meta.url))
const MIN_ROUNDS = 15

const PROGRAMS = {
  empty: '',
  'generation-jobs, import': "await import('generation-jobs')",
  'generation-jobs, require': "require('generation-jobs')",
  'generation-jobs/client, import': "await import('generation-jobs/client')",
  'generation-jobs/client, require': "require('generation-jobs/client')",
  'generation-jobs/http, import': "await import('generation-jobs/http')",
  'generation-jobs/redis, import': "await import('generation-jobs/redis')",
  'p-queue, import': "await import('p-queue')",
  'rxjs, import': "await import('rxjs')",
  'effect, import': "await import('effect')",
  'ai, import': "await import('ai')",
  'bullmq, import': "await import('bullmq')",
} as const
type Program = keyof typeof PROGRAMS

/** From the start of a fresh process to the end of its import, beside a process that imports nothing. */
export const importTime: Question = {
  title: 'Cold start: a fresh process that imports, processor time, against an empty one',
  async ask({ rounds }) {
    const names = Object.keys(PROGRAMS) as Program[]
    const cpu = new Map<Program, number[]>(names.map((name) => [name, []]))
    for (let round = -1; round < Math.max(rounds, MIN_ROUNDS); round++) {
      for (const name of names) {
        const ms = await cpuOf(PROGRAMS[name])
        if (round >= 0) cpu.get(name)?.push(ms) // the first only warms the file cache
      }
    }
    const empty = cpu.get('empty') ?? []
    return names.map((name): Row => {
      const taken = cpu.get(name) ?? []
      const more = median(taken.map((ms, round) => ms - (empty[round] ?? 0)))
      const by = name === 'empty' ? 'bare' : name.startsWith('generation-jobs') ? 'ours' : 'peer'
      return {
        ...valueRow(name, 'x', ratios(taken, empty), { by }),
        note: name === 'empty' ? `${median(taken).toFixed(0)} ms` : `${more.toFixed(1)} ms more`,
      }
    })
  },
}

async function cpuOf(program: string): Promise<number> {
  const type = program.includes('require(') ? 'commonjs' : 'module'
  const report = 'const { user, system } = process.cpuUsage(); console.log((user + system) / 1000)'
  const { stdout } = await run(process.execPath, [`--input-type=${type}`, '--eval', `${program}\n;${report}`], { cwd })
  return Number(stdout)
}
