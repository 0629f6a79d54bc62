import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createClient } from 'redis'

/** A program that speaks Redis' protocol and runs our scripts. */
export interface ServerProgram {
  readonly name: 'Redis' | 'Valkey'
  readonly command: string
}

const KNOWN_PROGRAMS: readonly ServerProgram[] = [
  { name: 'Redis', command: process.env.REDIS_SERVER ?? 'redis-server' },
  { name: 'Valkey', command: 'valkey-server' },
]

/** Those that are installed; the tests that do not say which one take the first. */
export const PROGRAMS = KNOWN_PROGRAMS.filter(({ command }) => spawnSync(command, ['--version']).status === 0)

/** Whether tests that need a server can run. Where they must run, in CI, its absence is a failure and not a skip. */
export const hasRedis = PROGRAMS.length > 0
if (!hasRedis) {
  const advice = 'redis-server is not installed (Debian, Ubuntu: apt-get install -y redis-server).'
  if (process.env.CI) throw new Error(advice)
  process.stderr.write(`\nSKIPPED: tests with a real Redis. ${advice}\n\n`)
}

/** What tests are written for: the programs that are installed or, where those tests are skipped, Redis. */
export function programsOf(installed: readonly ServerProgram[]): readonly ServerProgram[] {
  return installed.length > 0 ? installed : KNOWN_PROGRAMS.slice(0, 1)
}

/** A server process of its own, on a free port, with nothing on disk unless asked. */
export interface RedisServer {
  readonly port: number
  /** As a power cut of the process: SIGKILL. */
  kill(): Promise<void>
  /** Starts it again, on the same port and folder. */
  start(): Promise<void>
  /** SIGSTOP: it accepts connections and answers nothing. */
  pause(): void
  resume(): void
  /** Ends it, and removes what it wrote. */
  stop(): Promise<void>
}

export interface RedisServerOptions {
  /** @defaultValue the first of {@link PROGRAMS} */
  readonly program?: ServerProgram | undefined
  /** Keeps everything over a restart. */
  readonly appendOnly?: boolean
  readonly args?: readonly string[]
  /** Lines of a file of its own, for what must have one. */
  readonly config?: readonly string[]
}

export async function startRedis(options: RedisServerOptions = {}): Promise<RedisServer> {
  for (let attempt = 1; ; attempt++) {
    const server = serverOn(await freePort(), options)
    try {
      await server.start()
      return server
    } catch (error) {
      await server.stop()
      if (attempt === 3) throw error // somebody took the port meanwhile, again and again
    }
  }
}

function serverOn(
  port: number,
  { program = PROGRAMS[0], appendOnly = false, args = [], config }: RedisServerOptions,
): RedisServer {
  const dir = mkdtempSync(join(tmpdir(), 'generation-jobs-redis-'))
  const settings = ['--port', String(port), '--bind', '127.0.0.1', '--dir', dir, '--save', '', '--loglevel', 'warning']
  const file = join(dir, 'server.conf')
  if (config) writeFileSync(file, `${config.join('\n')}\n`)
  const first = config ? [file] : []
  const persistence = appendOnly ? ['--appendonly', 'yes', '--appendfsync', 'always'] : ['--appendonly', 'no']
  let child: ChildProcess | undefined
  const killNow = () => void child?.kill('SIGKILL')
  process.on('exit', killNow)

  return {
    port,
    async start() {
      child = spawn(program?.command ?? 'redis-server', [...first, ...settings, ...persistence, ...args], {
        stdio: 'ignore',
      })
      if ((await readyPid(port)) !== child.pid) throw new Error(`another server answers on port ${port}`)
    },
    kill,
    pause: () => void child?.kill('SIGSTOP'),
    resume: () => void child?.kill('SIGCONT'),
    async stop() {
      await kill()
      process.off('exit', killNow)
      rmSync(dir, { recursive: true, force: true })
    },
  }

  async function kill(): Promise<void> {
    if (!child || child.exitCode !== null) return
    const gone = once(child, 'exit')
    child.kill('SIGKILL')
    await gone
    child = undefined
  }
}

/** Waits until the server answers, and gives the process that does. */
async function readyPid(port: number): Promise<number> {
  const client = createClient({
    socket: { port, host: '127.0.0.1', reconnectStrategy: (tries) => (tries < 500 ? 20 : false) },
  })
  client.on('error', () => {})
  await client.connect()
  for (;;) {
    // A server that still loads its file answers so.
    const answer = await client.ping().catch((error: Error) => error.message)
    if (answer === 'PONG') break
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  const pid = /process_id:(\d+)/.exec(await client.info('server'))?.[1]
  client.destroy()
  return Number(pid)
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}
