import { checkRedisHealth } from 'generation-jobs/redis'
import { describe, expect, it, onTestFinished } from 'vitest'
import { CLIENT_NAMES, CLIENTS } from './support/clients.js'
import { PROGRAMS, startRedis } from './support/redis-server.js'

const valkey = PROGRAMS.find(({ name }) => name === 'Valkey')
if (!valkey) {
  // Not a failure in CI: many distributions have no package of it, and Redis is always tested.
  process.stderr.write(
    '\nLEFT OUT: the contract of a job store and the two nodes on a real Valkey. valkey-server is not installed ' +
      '(Debian 13, Ubuntu 24.10: apt-get install -y valkey-server; Debian 12: the same with -t bookworm-backports).\n\n',
  )
}

// The contract and the two nodes run on every program that is installed: job-store-contract.test.ts, two-nodes.test.ts.
describe.skipIf(!valkey).each(CLIENT_NAMES)('Valkey beside Redis, through %s', (client) => {
  it('DIS-19: it is Valkey that was tested: its health says its own version, not the Redis that it is compatible with', async () => {
    const server = await startRedis({ program: valkey })
    onTestFinished(() => server.stop())
    const opened = await CLIENTS[client](server.port)
    onTestFinished(opened.close)
    const { version, mayEvict } = await checkRedisHealth(opened.client)
    expect(Number.parseInt(version, 10)).toBeGreaterThanOrEqual(8)
    expect(mayEvict).toBe(false)
  })
})
