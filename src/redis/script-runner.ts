import { joinCalls, type SendCalls } from './joined-calls.js'
import { overTurns } from './over-turns.js'
import { isNodeRedis, type RedisClient } from './redis-client.js'
import type { Reply, RunScript, ScriptText } from './scripts/script.js'

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

/** Sends a script with one key, by which a cluster finds its server. */
export type SendScript = (script: ScriptText, key: string, args: string[]) => Promise<unknown>

/** Runs scripts. Throws {@link StoreError} when the server cannot be reached, or shows a record of another version. */
export function scriptRunner(client: RedisClient, send: SendScript, setting: ScriptSetting): RunScript {
  const { root, channel, sender, leaseMs, aheadMs } = setting
  const sendCalls: SendCalls = async (script, calls) => {
    const args = [channel, sender, String(leaseMs), String(aheadMs()), ...calls]
    return (await send(script, root, args)) as readonly Reply[]
  }
  return joinCalls(isNodeRedis(client) ? overTurns(sendCalls) : sendCalls)
}

/** Sends scripts by their hash, and by their text where the server does not know them yet: after a restart, a failover, a flush. */
export function scriptSender(client: RedisClient): SendScript {
  const { byHash, byText } = connectionOf(client)
  return async (script, key, args) =>
    byHash(script, key, args).catch((error) => {
      if (!isUnknownScript(error)) throw error
      return byText(script, key, args)
    })
}

function connectionOf(client: RedisClient): { readonly byHash: SendScript; readonly byText: SendScript } {
  if (isNodeRedis(client)) {
    return {
      byHash: ({ sha }, key, args) => client.evalSha(sha, { keys: [key], arguments: args }),
      byText: ({ text }, key, args) => client.eval(text, { keys: [key], arguments: args }),
    }
  }
  return {
    byHash: ({ sha }, key, args) => client.evalsha(sha, 1, key, ...args),
    byText: ({ text }, key, args) => client.eval(text, 1, key, ...args),
  }
}

export function isUnknownScript(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith('NOSCRIPT')
}
