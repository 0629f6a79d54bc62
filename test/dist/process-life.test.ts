import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, inject, it, onTestFinished } from 'vitest'

const root = fileURLToPath(new URL('../../', import.meta.url))

interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Runs a program of a few lines to its end. One that does not end by itself fails by the time limit of the test. */
function runProgram(body: string): Promise<Ended> {
  const program = `import { GenerationJobManager } from 'generation-jobs'
    const options = { logger: false, gracePeriodMs: 400, cancelTimeoutMs: 1_000 }
    const manager = new GenerationJobManager(options)
    const never = () => new Promise(() => {})
    const untilCancelled = (run) => new Promise((resolve) => run.token.onCancel(resolve))
    const quietly = (ms) => new Promise((resolve) => setTimeout(resolve, ms).unref())
    ${body}`
  // Its name is resolved from the directory it runs in: the package itself, as built.
  const child = spawn(process.execPath, ['--input-type=module', '--eval', program], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  let stdout = ''
  let stderr = ''
  child.stdout.on('data', (data) => {
    stdout += data
  })
  child.stderr.on('data', (data) => {
    stderr += data
  })
  return new Promise((resolve) => child.on('close', (code) => resolve({ code, stdout, stderr })))
}

it('builds', () => expect(inject('buildExitCode')).toBe(0))

it.each([
  [
    'a cooperative job whose cleanup waits for something that holds nothing',
    'run.defer(() => quietly(150)); return untilCancelled(run)',
    'cancelled clean false',
  ],
  ['a job whose producer never ends', 'return never()', 'cancelled clean true'],
  ['a job whose cleanup never ends', 'run.defer(never); return untilCancelled(run)', 'cancelled timed-out false'],
])(
  'LEAK-08: with only %s left, the process stays until it has settled, and then ends by itself',
  async (_, job, end) => {
    const { code, stdout, stderr } = await runProgram(`
    const handle = await manager.register(async (run) => { ${job} })
    handle.settled.then(({ status, cleanup, forced }) => console.log(status, cleanup, forced))
    setImmediate(() => void handle.cancel())
  `)
    expect({ code, stdout: stdout.trim(), stderr }).toEqual({ code: 0, stdout: end, stderr: '' })
  },
)

it('LEAK-08: with only the cleanup of a completed job left, the process stays until it has settled', async () => {
  const { code, stdout } = await runProgram(`
    const handle = await manager.register(async (run) => void run.defer(() => quietly(150)))
    handle.settled.then(({ status, cleanup }) => console.log(status, cleanup))
  `)
  expect({ code, stdout: stdout.trim() }).toEqual({ code: 0, stdout: 'completed clean' })
})

it.each([
  ['an idle manager', ''],
  ['a settled, retained job', 'await (await manager.register(async () => 1)).settled'],
  ['a running job, its deadline and its idle limit', 'await manager.register(never, { deadlineMs: 60_000 })'],
  [
    'a pending job',
    `const one = new GenerationJobManager({ ...options, maxConcurrentJobs: 1 })
    await one.register(never)
    await one.register(never)`,
  ],
  ['a reader that waits', 'void (await manager.register(never)).events()[Symbol.asyncIterator]().next()'],
])('LEAK-08: %s does not keep the process alive', async (_, body) => {
  const { code, stdout, stderr } = await runProgram(`${body}
    console.log('ran to its last line')`)
  expect({ code, stdout: stdout.trim(), stderr }).toEqual({ code: 0, stdout: 'ran to its last line', stderr: '' })
})

it('SHU-06, LEAK-08: a process that closed its manager ends, with its jobs settled', async () => {
  const { code, stdout } = await runProgram(`
    const handle = await manager.register(async (run) => { run.defer(() => quietly(50)); await untilCancelled(run) })
    handle.settled.then(({ status, reason }) => console.log(status, reason.kind))
    await manager.close()
    console.log('closed')
  `)
  expect({ code, stdout: stdout.trim().split('\n') }).toEqual({ code: 0, stdout: ['cancelled shutdown', 'closed'] })
})
