import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'
import { until } from '../../redis/support/until.js'

const hooks = fileURLToPath(new URL('../../support/package-hooks.mjs', import.meta.url))
const program = fileURLToPath(new URL('./worker-process.ts', import.meta.url))

/** Starts a worker of BullMQ in a process of its own; it is ready when this resolves, and killed when the test ends. */
export async function startWorker(port: number, queue: string, does: 'runs' | 'never starts') {
  const child = spawn(process.execPath, ['--import', hooks, program, String(port), queue, does], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const gone = once(child, 'exit')
  const told: string[] = []
  createInterface({ input: child.stdout }).on('line', (line) => told.push(line))
  const hears = (event: string) => until(`'${event}' of the worker`, () => told.includes(event), 20_000)
  const kill = async () => {
    child.kill('SIGKILL')
    await gone
  }
  onTestFinished(kill)
  await hears('ready')
  return { hears, kill }
}
