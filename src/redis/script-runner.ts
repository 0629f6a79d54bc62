import { joinCalls, type SendCalls } from './joined-calls.js'
import { isNodeRedis, type RedisClient } from './redis-client.js'
import type { Reply, RunScript, Script } from './scripts/script.js'

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
  const by = connectionOf(client, root)
  const send: SendCalls = async (script, calls) => {
    const args = [channel, sender, String(leaseMs), String(aheadMs()), ...calls]
    try {
      return (await by.hash(script, args)) as readonly Reply[]
    } catch (error) {
      if (!isUnknownScript(error)) throw error
    }
    return (await by.text(script, args)) as readonly Reply[]
  }
  return joinCalls(send)
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

export function isUnknownScript(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith('NOSCRIPT')
}
