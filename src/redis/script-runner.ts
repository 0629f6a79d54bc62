import { StoreError } from '../core/errors.js'
import { RECORD_VERSION } from './job-fields.js'
import { isNodeRedis, type RedisClient } from './redis-client.js'
import type { Argument, Reply, RunScript, Script } from './scripts/script.js'

/** What every script is told besides its own arguments. */
export interface ScriptSetting {
  /** The root of all keys, with its hash tag. */
  readonly root: string
  /** What channels begin with. Clients put their own prefix in front of keys, but not of channels. */
  readonly channel: string
  /** Who sends hints: a store does not need its own. */
  readonly sender: string
  readonly leaseMs: number
  /** How far a test's time is ahead of the server's. */
  readonly aheadMs: () => number
}

/**
 * Runs scripts by their hash, and by their text where the server does not know them yet: after a restart, a failover, a flush.
 * Throws {@link StoreError} when the server cannot be reached, or shows a record of another version.
 */
export function scriptRunner(client: RedisClient, setting: ScriptSetting): RunScript {
  const { root, channel, sender, leaseMs, aheadMs } = setting
  const send = connectionOf(client, root)
  return async (script, args) => {
    const all = [channel, sender, String(leaseMs), String(aheadMs()), ...args.map(text)]
    const [answer, ...carried] = await reply(script, send, all)
    if (answer === 'version') {
      throw new StoreError(
        script.operation,
        `found a record of version ${String(carried[0])}, and this release knows version ${RECORD_VERSION}: nothing was changed`,
      )
    }
    return { answer: String(answer), carried }
  }
}

type Send = { readonly [by in 'hash' | 'text']: (script: Script, args: string[]) => Promise<unknown> }

function connectionOf(client: RedisClient, root: string): Send {
  if (isNodeRedis(client)) {
    return {
      hash: ({ sha }, args) => client.evalSha(sha, { keys: [root], arguments: args }),
      text: ({ text }, args) => client.eval(text, { keys: [root], arguments: args }),
    }
  }
  return {
    hash: ({ sha }, args) => client.evalsha(sha, 1, root, ...args),
    text: ({ text }, args) => client.eval(text, 1, root, ...args),
  }
}

async function reply(script: Script, send: Send, args: string[]): Promise<readonly Reply[]> {
  try {
    return (await send.hash(script, args)) as readonly Reply[]
  } catch (error) {
    if (!isUnknownScript(error)) throw failed(script, error)
  }
  try {
    return (await send.text(script, args)) as readonly Reply[]
  } catch (error) {
    throw failed(script, error)
  }
}

function isUnknownScript(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith('NOSCRIPT')
}

function failed({ operation }: Script, cause: unknown): StoreError {
  return new StoreError(operation, 'failed', { cause })
}

function text(argument: Argument): string {
  return argument === undefined ? '' : String(argument)
}
