import { Redis } from 'ioredis'
import { onTestFinished } from 'vitest'
import { type RedisServer, type ServerProgram, startRedis } from './redis-server.js'
import { until } from './until.js'

const host = '127.0.0.1'

/** A connection to ask a server what no application asks; closed when the test ends. */
export function adminOf(port: number): Redis {
  const admin = new Redis(port, host)
  admin.on('error', () => {})
  onTestFinished(() => admin.disconnect())
  return admin
}

export interface Replicated {
  readonly primary: RedisServer
  readonly replica: RedisServer
  /** Resolves when the replica has all that the primary had when it was asked. */
  caughtUp(): Promise<void>
}

/** A primary and a replica that follows it, by the way `replicaSees` if that is another port than the primary's own. */
export async function startReplicated(
  options: { way?: (primary: number) => Promise<number>; program?: ServerProgram | undefined } = {},
): Promise<Replicated> {
  const { program } = options
  const primary = await startRedis({ program, args: ['--repl-diskless-sync-delay', '0'] })
  onTestFinished(() => primary.stop())
  const from = (await options.way?.(primary.port)) ?? primary.port
  const replica = await startRedis({ program, args: ['--replicaof', `${host} ${from}`] })
  onTestFinished(() => replica.stop())
  const [of, on] = [adminOf(primary.port), adminOf(replica.port)]
  const offset = async (admin: Redis, field: string) =>
    Number(new RegExp(`^${field}:(\\d+)`, 'm').exec(await admin.info('replication'))?.[1])
  const caughtUp = async () => {
    const written = await offset(of, 'master_repl_offset')
    await until('the replica', async () => (await offset(on, 'slave_repl_offset')) >= written)
  }
  await until('the link', async () => (await on.info('replication')).includes('master_link_status:up'))
  await until('the replica online', async () => /slave0:.*state=online/.test(await of.info('replication')))
  return { primary, replica, caughtUp }
}
