import { fork } from 'node:child_process'
import { on, once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { ClientName } from './nodes.ts'

/** What the process of the owner says. */
export type Heard = { readonly ready: true } | { readonly jobId: string } | { readonly at: number }

export const BARE_CHANNEL = 'bare'

export interface RemoteOwner {
  /** Registers a job there. */
  job(): Promise<string>
  /** The instant at which it hears of the next cancel, or of the next bare message. */
  heard(): Promise<number>
  close(): Promise<void>
}

/** An instant that processes of one machine share, milliseconds. */
export function instant(): number {
  return performance.timeOrigin + performance.now()
}

/** `execArgv` are options of Node for that process. */
export async function remoteOwner(
  client: ClientName,
  port: number,
  { execArgv = [] }: { readonly execArgv?: string[] } = {},
): Promise<RemoteOwner> {
  const child = fork(fileURLToPath(new URL('owner.ts', import.meta.url)), [client, String(port)], { execArgv })
  const messages = on(child, 'message')
  const next = async () => (await messages.next()).value[0] as Heard
  await next()
  return {
    async job() {
      child.send('job')
      const heard = await next()
      return 'jobId' in heard ? heard.jobId : ''
    },
    async heard() {
      const heard = await next()
      return 'at' in heard ? heard.at : Number.NaN
    },
    async close() {
      const exited = once(child, 'exit')
      child.disconnect()
      await exited
    },
  }
}
