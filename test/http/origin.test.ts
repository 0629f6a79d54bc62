import { InvalidOptionsError } from 'generation-jobs'
import { describe, expect, it } from 'vitest'
import { direct, overSockets } from './support/calls.js'
import { untilAborted } from './support/gate.js'
import { handled, served } from './support/generation-server.js'

const FRIEND = 'https://app.example'

describe('origin', () => {
  it.each([
    'https://evil.example',
    'null',
    'http://server.example.evil.com',
    'https://server.example:444',
    'nonsense',
    '',
  ])(
    'SEC-03: a cross-site request from %j is refused on every route, before anybody is asked who it is',
    async (origin) => {
      let asked = 0
      const server = handled({
        allowedOrigins: [FRIEND],
        produce: (run) => untilAborted(run.signal),
        authorize: () => {
          asked++
          return { owner: 'ann' }
        },
      })
      const id = await direct(server).createdId()
      asked = 0
      const calls: [string, string][] = [
        ['/jobs', 'POST'],
        [`/jobs/${id}`, 'GET'],
        [`/jobs/${id}/stream`, 'GET'],
        [`/jobs/${id}/cancel`, 'POST'],
        ['/jobs', 'OPTIONS'],
        ['/elsewhere', 'GET'],
      ]
      for (const [path, method] of calls) {
        const response = await direct(server).call(path, { method, headers: { origin } })
        expect([path, response.status]).toEqual([path, 403])
        expect(response.headers.get('access-control-allow-origin')).toBeNull()
        expect(response.headers.get('x-generation-jobs')).toBe('1')
        expect((await response.json()).error.code).toBe('request.forbidden-origin')
      }
      expect(asked).toBe(0)
      expect((await server.manager.get(id))?.status).toBe('running')
      await server.manager.close()
    },
  )

  it('SEC-03: over a socket, a form of a strange page cannot cancel, and its own page can', async () => {
    const server = await served({ produce: (run) => untilAborted(run.signal) })
    const ann = overSockets(server)
    const id = await ann.createdId()
    expect((await ann.cancel(id, { origin: 'https://evil.example' })).status).toBe(403)
    expect((await server.manager.get(id))?.status).toBe('running')
    expect((await ann.cancel(id, { origin: server.origin })).body.outcome).toBe('cancelled')
  })

  it('the own host is compared without scheme, because a proxy may end TLS, but with port', async () => {
    const server = handled()
    const call = (origin: string, host: string) =>
      server.handler(
        new Request('http://10.0.0.1:8080/api/v1/dialogues/generate/jobs/x', {
          headers: { origin, host, 'x-user': 'ann' },
        }),
      )
    const from = async (origin: string, host: string) => (await call(origin, host)).status
    expect(await from('https://app.example', 'app.example')).toBe(404)
    expect(await from('https://app.example', 'app.example:443')).toBe(404)
    expect(await from('http://app.example:8080', 'app.example:8080')).toBe(404)
    expect(await from('http://app.example:8080', 'app.example')).toBe(403)
    expect(await from('https://app.example:8443', 'app.example:443')).toBe(403)
  })

  it('a listed origin gets CORS headers on every answer, errors too, and a 204 preflight', async () => {
    const server = handled({ allowedOrigins: [FRIEND] })
    const preflight = await direct(server, null).call('/jobs', {
      method: 'OPTIONS',
      headers: {
        origin: FRIEND,
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'authorization,idempotency-key,x-own',
      },
    })
    expect(preflight.status).toBe(204)
    expect(preflight.headers.get('access-control-allow-origin')).toBe(FRIEND)
    expect(preflight.headers.get('access-control-allow-methods')).toBe('GET, POST')
    expect(preflight.headers.get('access-control-allow-headers')).toBe('authorization,idempotency-key,x-own')
    expect(await preflight.text()).toBe('')

    const ann = direct(server)
    const created = await ann.create({ origin: FRIEND })
    const stream = await ann.stream(String(created.body.job_id), '', { headers: { origin: FRIEND } })
    const nobody = await direct(server, null).call('/jobs/x', { headers: { origin: FRIEND } })
    expect([created.status, stream.status, nobody.status]).toEqual([201, 200, 401])
    for (const { headers } of [created, stream, nobody]) {
      expect(headers.get('access-control-allow-origin')).toBe(FRIEND)
      expect(headers.get('vary')).toBe('origin')
      expect(headers.get('access-control-expose-headers')).toContain('x-generation-jobs')
    }
    await stream.text()
  })

  it('an answer that names no origin says that it depends on it, where origins are listed', async () => {
    const { headers } = await direct(handled({ allowedOrigins: [FRIEND] })).status('x')
    expect([headers.get('vary'), headers.get('access-control-allow-origin')]).toEqual(['origin', null])
  })

  it.each(['*', 'null', 'https://app.example/', 'app.example', 'HTTPS://APP.EXAMPLE', 7])(
    'allowedOrigins refuses %j',
    (origin) => {
      expect(() => handled({ allowedOrigins: [origin as string] })).toThrow(InvalidOptionsError)
    },
  )
})
