import { jobStoreContract, type StoreUnderTest } from 'generation-jobs/testing'
import { afterAll, beforeAll, describe, it } from 'vitest'
import { openRedisJobStore } from '../../src/redis/redis-job-store.js'
import {
  CLIENT_NAMES,
  CLIENTS,
  CLUSTER_CLIENTS,
  formCluster,
  OLDER_CLIENTS,
  type OpenClient,
} from './support/clients.js'
import { hasRedis, type RedisServer, startRedis } from './support/redis-server.js'

const onOne = (name: string, open: (port: number) => Promise<OpenClient>) => ({
  place: `on Redis through ${name}`,
  args: [],
  form: async () => {},
  open,
})
const PLACES = CLIENT_NAMES.flatMap((name) => [
  onOne(name, CLIENTS[name]),
  {
    place: `on a Redis cluster through ${name}`,
    args: ['--cluster-enabled', 'yes', '--cluster-announce-ip', '127.0.0.1'],
    form: formCluster,
    open: CLUSTER_CLIENTS[name],
  },
]).concat(Object.entries(OLDER_CLIENTS).map(([name, open]) => onOne(name, open)))

/** What a hint takes on a busy machine, with a margin. */
const HINT_MS = 120

describe.skipIf(!hasRedis).each(PLACES)('DIS-19: the contract of a job store, $place', ({ args, form, open }) => {
  let server: RedisServer
  let opened: OpenClient
  let count = 0

  beforeAll(async () => {
    server = await startRedis({ args })
    await form(server.port)
    opened = await open(server.port)
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
