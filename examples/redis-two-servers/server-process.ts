import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

/** What a server tells the program that started it. */
export type ServerMessage = { readonly port: number } | { readonly says: string }

export interface ServerProcess {
  readonly name: string
  readonly port: number
  readonly pid: number | undefined
  /** SIGKILL: as if the machine lost power. */
  kill(): Promise<void>
  /** SIGTERM: it ends what it does, and goes. */
  stop(): Promise<void>
}

/** Starts server.ts in a process of its own; resolves when it listens. */
export async function startServer(
  name: string,
  env: Record<string, string>,
  onSays: (text: string) => void,
): Promise<ServerProcess> {
  const child = fork(fileURLToPath(new URL('./server.ts', import.meta.url)), {
    env: { ...process.env, ...env, NAME: name },
  })
  const gone = once(child, 'exit')
  const end = async (signal: 'SIGKILL' | 'SIGTERM') => {
    child.kill(signal)
    await gone
  }
  const port = await new Promise<number>((resolve, reject) => {
    child.on('message', (message: ServerMessage) => {
      if ('port' in message) resolve(message.port)
      else onSays(message.says)
    })
    child.once('exit', () => reject(new Error(`${name} ended before it listened`)))
  })
  return { name, port, pid: child.pid, kill: () => end('SIGKILL'), stop: () => end('SIGTERM') }
}
