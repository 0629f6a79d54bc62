import { jobStoreContract, type StoreUnderTest } from 'generation-jobs/testing'
import { afterAll, beforeAll, describe, it } from 'vitest'
import { openRedisJobStore } from '../../src/redis/redis-job-store.js'
import { CLIENT_NAMES, CLIENTS, CLUSTER_CLIENTS, formCluster, type OpenClient } from './support/clients.js'
import { OLDER_CLIENTS } from './support/older-clients.js'
import { hasRedis, PROGRAMS, type RedisServer, type ServerProgram, startRedis } from './support/redis-server.js'

interface Place {
  readonly place: string
  readonly program?: ServerProgram
  readonly args?: readonly string[]
  readonly form?: (port: number) => Promise<void>
  readonly open: (port: number) => Promise<OpenClient>
}

const CLUSTER_ARGS = ['--cluster-enabled', 'yes', '--cluster-announce-ip', '127.0.0.1']
const PLACES: Place[] = [
  ...PROGRAMS.flatMap((program) =>
    CLIENT_NAMES.flatMap((name): Place[] => [
      { place: `on ${program.name} through ${name}`, program, open: CLIENTS[name] },
      {
        place: `on a ${program.name} cluster through ${name}`,
        program,
        args: CLUSTER_ARGS,
        form: formCluster,
        open: CLUSTER_CLIENTS[name],
      },
    ]),
  ),
  ...Object.entries(OLDER_CLIENTS).map(([name, open]): Place => ({ place: `on Redis through ${name}`, open })),
]

/** What a hint takes on a busy machine, with a margin. */
const HINT_MS = 120

describe.skipIf(!hasRedis).each(PLACES)('DIS-19: the contract of a job store, $place', (place) => {
  let server: RedisServer
  let opened: OpenClient
  let count = 0

  beforeAll(async () => {
    server = await startRedis(place)
    await place.form?.(server.port)
    opened = await place.open(server.port)
  })
  afterAll(async () => {
    opened.close()
    await server.stop()
  })

  /** A store with a prefix of its own: empty, and of no use to any other case. Its time is the server's, moved forward. */
  function makeStore(): StoreUnderTest {
    let aheadMs = 0
    const store = openRedisJobStore({
      client: opened.client,
      subscriber: undefined,
      prefix: `case-${++count}`,
      // Long, so that real time, which goes on besides, never matters.
      leaseMs: 60_000,
      heartbeatMs: 10_000,
      aheadMs: () => aheadMs,
    })
    /** No time to move: then hints are on their way through real sockets. */
    const advance = async (ms: number) => {
      aheadMs += Math.round(ms)
      if (ms === 0) await new Promise((resolve) => setTimeout(resolve, HINT_MS))
    }
    return { store, advance, hints: true }
  }

  for (const { name, run } of jobStoreContract({ makeStore })) it(name, run)
})
