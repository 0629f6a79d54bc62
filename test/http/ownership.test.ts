import { describe, expect, it } from 'vitest'
import { type Answer, answerOf, direct, overSockets } from './support/calls.js'
import { untilAborted } from './support/gate.js'
import { handled, type ServedOptions, served } from './support/generation-server.js'

const waits: ServedOptions = { produce: (run) => untilAborted(run.signal) }

/** What an answer tells, without the time. */
function told({ status, headers, body }: Answer) {
  const { date: _date, ...others } = Object.fromEntries(headers)
  return { status, headers: others, body }
}

describe('ownership', () => {
  it('SEC-01: SSE-10: a stranger is told exactly what is told about a job that never was, on every route', async () => {
    const server = await served(waits)
    const id = await overSockets(server, 'ann').createdId()
    const unknown = crypto.randomUUID()
    const bob = overSockets(server, 'bob')
    for (const of of [
      (jobId: string) => bob.status(jobId),
      (jobId: string) => bob.cancel(jobId),
      (jobId: string) => bob.stream(jobId).then(answerOf),
      (jobId: string) => bob.stream(jobId, '?after=99').then(answerOf),
      (jobId: string) => bob.call(`/jobs/${jobId}/cancel`, { method: 'GET' }).then(answerOf),
    ]) {
      const [theirs, none] = [told(await of(id)), told(await of(unknown))]
      expect(theirs).toEqual(none)
      expect([404, 405]).toContain(theirs.status)
    }
    expect(await server.manager.get(id)).toMatchObject({ status: 'running' })
    expect(server.manager.stats()).toMatchObject({ viewers: 0, subscriptions: 0 })
  })

  it('SSE-10: without identity: 401, for a job that is and for one that is not', async () => {
    const server = handled(waits)
    const id = await direct(server).createdId()
    const nobody = direct(server, null)
    for (const jobId of [id, 'unknown']) {
      const answers = [
        await nobody.status(jobId),
        await nobody.cancel(jobId),
        await nobody.stream(jobId).then(answerOf),
      ]
      expect(answers.map(({ status, body }) => [status, body.error?.code])).toEqual(
        Array.from({ length: 3 }, () => [401, 'request.unauthorized']),
      )
    }
    expect((await nobody.create()).status).toBe(401)
    await server.manager.close()
  })

  it('SEC-01: an authorize that refuses strangers by itself does not give away that the job exists', async () => {
    const server = handled({
      ...waits,
      authorize(request, { job }) {
        const owner = request.headers.get('x-user') ?? ''
        return owner === '' || (job && job.owner !== owner) ? null : { owner }
      },
    })
    const id = await direct(server, 'ann').createdId()
    const bob = direct(server, 'bob')
    expect(told(await bob.status(id))).toEqual(told(await bob.status('unknown')))
    const nobody = direct(server, null)
    expect(told(await nobody.cancel(id))).toEqual(told(await nobody.cancel('unknown')))
    expect((await direct(server, 'ann').status(id)).status).toBe(200)
    await server.manager.close()
  })

  it('SEC-02: a credential that authorize limits to one job and one action opens nothing else', async () => {
    let limitedTo: string | undefined
    const server = handled({
      ...waits,
      authorize: (request, { action, job }) =>
        request.headers.get('x-user') || (action === 'stream' && job?.jobId === limitedTo) ? { owner: 'ann' } : null,
    })
    const ann = direct(server)
    limitedTo = await ann.createdId()
    const other = await ann.createdId()
    const limited = direct(server, null)
    expect((await limited.stream(limitedTo)).status).toBe(200)
    expect((await limited.status(limitedTo)).status).toBe(401)
    expect((await limited.cancel(limitedTo)).status).toBe(401)
    expect((await limited.stream(other)).status).toBe(401)
    await server.manager.close()
  })

  it('SEC-01: a job without owner is nobody’s, and an empty owner is nobody', async () => {
    const server = handled({ ...waits, authorize: () => ({ owner: '' }) })
    const { jobId } = await server.manager.register((run) => untilAborted(run.signal))
    expect((await direct(server).status(jobId)).status).toBe(404)
    expect((await direct(handled({ manager: server.manager })).status(jobId)).status).toBe(404)
    await server.manager.close()
  })

  it('SSE-13: authorize sees action, job and the native request', async () => {
    const seen: unknown[] = []
    const server = handled({
      ...waits,
      authorize(_, { action, job, native }) {
        seen.push([action, job?.jobId, native])
        return { owner: 'ann' }
      },
    })
    const at = (path: string, method = 'POST') =>
      server.handler(
        new Request(`http://x.example/api/v1/dialogues/generate${path}`, {
          method,
          ...(path === '/jobs' && { body: '{"prompt":"x"}' }),
        }),
        { native: 7 },
      )
    const { job_id: id } = await (await at('/jobs')).json()
    await at(`/jobs/${id}`, 'GET')
    await (await at(`/jobs/${id}/stream`, 'GET')).body?.cancel()
    await at(`/jobs/${id}/cancel`)
    expect(seen).toEqual([
      ['create', undefined, 7],
      ['read', id, 7],
      ['stream', id, 7],
      ['cancel', id, 7],
    ])
  })

  it.each(['../x', '%00', 'a%0d%0ax: y', 'a%2Fb', '%zz', 'x'.repeat(300), 'jobs', '__proto__', 'constructor'])(
    'SEC-05: the id %j names no job, and nothing of it is in the answer',
    async (id) => {
      const response = await direct(handled()).call(`/jobs/${id}/cancel`, { method: 'POST' })
      expect(response.status).toBe(404)
      const text = await response.text()
      expect(Object.keys(JSON.parse(text).error)).toEqual(['code', 'message'])
      expect([...response.headers.keys()].sort()).toEqual(['cache-control', 'content-type', 'x-generation-jobs'])
    },
  )

  it('SEC-05: an id with any allowed characters works on every route and in stream_url', async () => {
    const jobId = 'chat/1 ?#%&é"\\'
    const server = handled({ ...waits, register: { jobId } })
    const ann = direct(server)
    const { body } = await ann.create()
    expect(body.job_id).toBe(jobId)
    expect((await ann.status(jobId)).body.job_id).toBe(jobId)
    const url = `http://server.example${body.stream_url}`
    const stream = await server.handler(new Request(url, { headers: { 'x-user': 'ann' } }))
    expect(stream.status).toBe(200)
    expect((await ann.cancel(jobId)).body.outcome).toBe('cancelled')
    await stream.text()
  })
})
