import { spawn } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { createServer } from 'node:net'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Faults, Inside } from './faulty-server.ts'

const PROGRAM = fileURLToPath(new URL('./faulty-server.ts', import.meta.url))
const START_LIMIT_MS = 30_000

/** A running server of its own process. */
export interface TestServer {
  readonly url: string
  /** The library's log lines. */
  log(): Record<string, unknown>[]
  inside(): Promise<Inside>
  setFaults(faults: Faults): Promise<void>
  /** Every file below its folder: saved dialogues, and anything half written. */
  files(): string[]
  /** As a machine that hangs: connections stay open and nothing answers. */
  freeze(): void
  thaw(): void
  /** Resolves with the exit code, `null` after a signal that ended it. */
  end(signal: 'SIGTERM' | 'SIGKILL'): Promise<number | null>
}

export interface ServerOptions {
  readonly directory: string
  /** @defaultValue any free one */
  readonly port?: number | undefined
  /** @defaultValue the server with scripted models and faults */
  readonly program?: string | undefined
}

export async function startServer({ directory, port = 0, program = PROGRAM }: ServerOptions): Promise<TestServer> {
  const child = spawn(process.execPath, [program], {
    env: { PATH: process.env.PATH, PORT: String(port), DIALOGUES: directory },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let stderr = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve))
  const url = await new Promise<string>((resolve, reject) => {
    let stdout = ''
    const late = setTimeout(() => reject(new Error(`The server does not start.\n${stderr}`)), START_LIMIT_MS)
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text
      const found = /Ouvrez (http:\S+)/.exec(stdout)?.[1]
      if (!found) return
      clearTimeout(late)
      resolve(found)
    })
    void ended.then(() => reject(new Error(`The server ended.\n${stderr}`)))
  })
  return {
    url,
    log: () =>
      stderr
        .split('\n')
        .filter((line) => line.startsWith('{'))
        .map((line) => JSON.parse(line)),
    inside: async () => (await fetch(`${url}/inside`)).json() as Promise<Inside>,
    async setFaults(faults) {
      await fetch(`${url}/faults`, { method: 'POST', body: JSON.stringify(faults) })
    },
    files() {
      if (!existsSync(directory)) return []
      const entries = readdirSync(directory, { recursive: true, withFileTypes: true })
      return entries.filter((entry) => entry.isFile()).map((entry) => path.join(entry.parentPath, entry.name))
    },
    freeze: () => void child.kill('SIGSTOP'),
    thaw: () => void child.kill('SIGCONT'),
    end(signal) {
      child.kill(signal)
      return ended
    },
  }
}

/** A port that nothing listens on, for a server that is to come back at the same address. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  if (typeof address !== 'object' || !address) throw new Error('no port')
  return address.port
}
