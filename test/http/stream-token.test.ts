import { InvalidOptionsError } from 'generation-jobs'
import { createVirtualClock } from 'generation-jobs/testing'
import { describe, expect, it } from 'vitest'
import { direct } from './support/calls.js'
import { untilAborted } from './support/gate.js'
import { handled } from './support/generation-server.js'

const secret = 'a secret of at least sixteen bytes'

function server(overrides: { secret?: string } = {}) {
  const clock = createVirtualClock()
  return {
    clock,
    ...handled({
      clock,
      streamToken: { secret, ttlMs: 60_000, ...overrides },
      produce: (run) => untilAborted(run.signal),
    }),
  }
}

async function created(of: ReturnType<typeof server>, user = 'ann') {
  const { body } = await direct(of, user).create()
  const url = new URL(String(body.stream_url), 'http://server.example')
  return { id: String(body.job_id), url, token: url.searchParams.get('token') ?? '' }
}

describe('the stream token', () => {
  it('SEC-02: opens the stream by its URL alone, as an EventSource asks', async () => {
    const one = server()
    const { url } = await created(one)
    const response = await one.handler(new Request(url))
    expect(response.status).toBe(200)
    await response.body?.cancel()
    url.searchParams.set('after', '0')
    const again = await one.handler(new Request(url, { headers: { 'last-event-id': '0' } }))
    expect(again.status).toBe(200)
    await again.body?.cancel()
    await one.manager.close()
  })

  it('SEC-02: opens neither another job, nor another route, nor anything after its expiry', async () => {
    const one = server()
    const first = await created(one)
    const second = await created(one)
    const nobody = direct(one, null)
    const query = `?token=${first.token}`
    const refused = [
      await nobody.stream(second.id, query),
      await nobody.call(`/jobs/${first.id}${query}`),
      await nobody.call(`/jobs/${first.id}/cancel${query}`, { method: 'POST' }),
      await nobody.call(`/jobs${query}`, { method: 'POST', body: '{"prompt":"x"}' }),
    ]
    expect(refused.map(({ status }) => status)).toEqual([401, 401, 401, 401])
    await one.clock.advance(59_000)
    const inTime = await nobody.stream(first.id, query)
    expect(inTime.status).toBe(200)
    await inTime.body?.cancel()
    await one.clock.advance(2_000)
    expect((await nobody.stream(first.id, query)).status).toBe(401)
    expect((await one.manager.get(first.id))?.status).toBe('running')
    await one.manager.close()
  })

  it('SEC-02: a forged, cut or lengthened token, one of another secret, of another owner, or with another expiry is refused', async () => {
    const one = server()
    const other = server({ secret: 'another secret, as long as the one' })
    const { id, token } = await created(one)
    const [expiry = '', signature = ''] = token.split('.')
    const theirs = await created(other)
    const forged = [
      '',
      'x',
      '.',
      theirs.token,
      `${Number(expiry) + 1}.${signature}`,
      `${expiry}.${signature.slice(0, -2)}`,
      `${expiry}.${signature}A`,
      `${expiry}.${'A'.repeat(43)}`,
      `0${token}`,
      `${token}\n`,
      (await created(one, 'bob')).token,
    ]
    const nobody = direct(one, null)
    for (const wrong of forged) {
      const { status } = await nobody.stream(id, `?token=${encodeURIComponent(wrong)}`)
      expect([wrong, status]).toEqual([wrong, 401])
    }
    expect(one.manager.stats().viewers).toBe(0)
    await Promise.all([one.manager.close(), other.manager.close()])
  })

  it('SEC-02: an unknown job is the same 401, and who has an identity needs no token', async () => {
    const one = server()
    const { id, token } = await created(one)
    expect((await direct(one, null).stream('unknown', `?token=${token}`)).status).toBe(401)
    const mine = await direct(one).stream(id, '?token=expired')
    expect(mine.status).toBe(200)
    await mine.body?.cancel()
    expect((await direct(one, 'bob').stream(id, '?token=expired')).status).toBe(404)
    await one.manager.close()
  })

  it('without the option there is no token, and none is taken', async () => {
    const one = server()
    const { id, token } = await created(one)
    const plain = handled({ manager: one.manager })
    expect((await direct(plain, null).stream(id, `?token=${token}`)).status).toBe(401)
    expect(String((await direct(plain).create()).body.stream_url)).not.toContain('token')
    await one.manager.close()
  })

  it.each([
    { secret: 'short', ttlMs: 1 },
    { secret: new Uint8Array(8), ttlMs: 1 },
    { secret, ttlMs: 0 },
    { secret, ttlMs: Number.NaN },
  ])('refuses %j, without showing the secret', (streamToken) => {
    expect(() => handled({ streamToken })).toThrow(InvalidOptionsError)
    expect(() => handled({ streamToken })).not.toThrow(/short/)
  })
})
