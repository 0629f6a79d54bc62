import { Redis } from 'ioredis'
import { describe, expect, it, onTestFinished } from 'vitest'
import { placesOf } from './support/clients.js'
import { endless, nodeOver } from './support/node.js'
import { readLog } from './support/records.js'
import { startTlsRedis, TLS_CLIENTS, TLS_PROGRAMS } from './support/tls.js'
import { until } from './support/until.js'

describe.skipIf(TLS_PROGRAMS.length === 0).each(placesOf(TLS_PROGRAMS))(
  'two nodes on one $program.name over TLS, through $client',
  ({ program, client }) => {
    it('DIS-01: output, hints and a cancel pass between them, and every connection is encrypted, the one for hints too', async () => {
      const server = await startTlsRedis(program)
      const [a, b] = [nodeOver(await TLS_CLIENTS[client](server)), nodeOver(await TLS_CLIENTS[client](server))]
      const { jobId, settled } = await a.manager.register(async (run) => run.stream(endless()).then(() => {}))
      const reading = readLog(b, jobId)
      await until('output', async () => ((await b.manager.get(jobId))?.lastSeq ?? 0) > 2)

      const admin = new Redis(server.tlsPort, '127.0.0.1', { tls: { ca: server.ca } })
      onTestFinished(() => admin.disconnect())
      const channels = await until('the subscriptions', async () => {
        const named = (await admin.pubsub('CHANNELS', '*')) as string[]
        return named.length === 3 ? named : undefined
      })
      expect(channels.filter((name) => name.includes(':node:'))).toHaveLength(2)
      const own = String(await admin.client('LIST'))
        .trim()
        .split('\n')
      expect(own).toHaveLength(5) // two of each node, and this one
      for (const connection of own) expect(connection).toContain(`laddr=127.0.0.1:${server.tlsPort}`)

      expect(await b.manager.cancel(jobId, { by: 'somebody' })).toMatchObject({
        outcome: 'cancelled',
        cleanup: 'clean',
      })
      expect(await settled).toMatchObject({ status: 'cancelled', reason: { by: 'somebody' }, recorded: true })
      const events = await reading
      expect(events.at(-1)).toMatchObject({ type: 'cancelled', kind: 'user' })
    })
  },
)
