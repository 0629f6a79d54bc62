import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

export interface Asked {
  readonly url: string
  readonly clients: number
}

export interface Got {
  readonly events: number
  /** Of the bodies, headers not counted. */
  readonly bytes: number
}

export interface Viewers {
  /** Opens so many connections and waits until all have ended. */
  watch(asked: Asked): Promise<Got>
  close(): void
}

export async function startViewers(): Promise<Viewers> {
  const child = fork(fileURLToPath(new URL('clients.ts', import.meta.url)), { execArgv: [] })
  await once(child, 'spawn')
  return {
    async watch(asked) {
      const answered = once(child, 'message')
      child.send(asked)
      const [got] = (await answered) as [Got]
      return got
    },
    close: () => void child.kill(),
  }
}
