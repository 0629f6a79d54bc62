import { JobConflictError, type Producer, StoreError } from 'generation-jobs'
import { describe, expect, it } from 'vitest'
import { direct, overSockets } from './support/calls.js'
import { gate, untilAborted } from './support/gate.js'
import { handled, served } from './support/generation-server.js'

const waiting: Producer<unknown> = async (run) => untilAborted(run.signal)

describe('create', () => {
  it('SSE-01: answers 201 with job_id, stream_url and status, and the stream is found where it says', async () => {
    const server = await served()
    const { status, body, headers } = await overSockets(server).create()
    expect(status).toBe(201)
    expect(body).toEqual({
      job_id: expect.any(String),
      stream_url: `/api/v1/dialogues/generate/jobs/${body.job_id}/stream`,
      status: 'running',
    })
    expect(headers.get('cache-control')).toBe('no-store')
    const stream = await fetch(server.origin + body.stream_url, { headers: { 'x-user': 'ann' } })
    expect(stream.status).toBe(200)
    expect(await stream.text()).toContain('"type":"complete"')
  })

  it('SSE-01: a repeated Idempotency-Key gives 200 with the same job, whatever the order of the keys of its body', async () => {
    let runs = 0
    const server = handled({
      produce: async () => {
        runs++
      },
    })
    const ann = direct(server)
    const first = await ann.create({ 'idempotency-key': 'k1' }, '{"prompt":"x","note":{"a":1,"b":[2]}}')
    const second = await ann.create({ 'idempotency-key': 'k1' }, '{ "note": {"b":[2],"a":1}, "prompt":"x" }')
    expect([first.status, second.status]).toEqual([201, 200])
    expect(second.body.job_id).toBe(first.body.job_id)
    expect(runs).toBe(1)
    await server.manager.close()
  })

  it('SSE-01: the same key with another body is 422 idempotency.conflict; of another owner it is a new job', async () => {
    const server = handled({ produce: waiting })
    await direct(server).create({ 'idempotency-key': 'k1' }, { prompt: 'x' })
    const other = await direct(server).create({ 'idempotency-key': 'k1' }, { prompt: 'y' })
    expect([other.status, other.body.error?.code]).toEqual([422, 'idempotency.conflict'])
    const stranger = await direct(server, 'bob').create({ 'idempotency-key': 'k1' }, { prompt: 'y' })
    expect(stranger.status).toBe(201)
    await server.manager.close()
  })

  it('SSE-01: 50 creates at once with one key start one producer', async () => {
    let runs = 0
    const server = await served({
      produce: async (run) => {
        runs++
        return untilAborted(run.signal)
      },
    })
    const ann = overSockets(server)
    const answers = await Promise.all(Array.from({ length: 50 }, () => ann.create({ 'idempotency-key': 'click' })))
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(1)
    expect(new Set(answers.map(({ body }) => body.job_id)).size).toBe(1)
    expect(runs).toBe(1)
  })

  it('REG-14: a body that is invalid is 400 with its issues, and no job exists', async () => {
    const server = handled()
    const { status, body } = await direct(server).create({}, { prompt: '' })
    expect(status).toBe(400)
    expect(body.error).toMatchObject({ code: 'options.invalid', message: 'La demande est invalide' })
    expect(body.error?.issues).toEqual([{ message: expect.any(String), path: ['prompt'] }])
    expect(await server.manager.list()).toEqual([])
  })

  it('SSE-01: the owner is the one that authorize named, whatever start says', async () => {
    const server = handled({ produce: waiting, register: { owner: 'mallory', group: 'g' } })
    const id = await direct(server).createdId()
    expect(await server.manager.get(id)).toMatchObject({ owner: 'ann', group: 'g' })
    await server.manager.close()
  })

  it('SSE-13: start gets the parsed params, the owner, the request and the native request', async () => {
    const seen: unknown[] = []
    const server = handled({
      start: (params, context) => {
        seen.push(params, context.owner, context.request.method, context.native)
        return async () => 'done'
      },
    })
    const request = new Request('http://h.example/api/v1/dialogues/generate/jobs', {
      method: 'POST',
      headers: { 'x-user': 'ann' },
      body: '{"prompt":"x","unknown":1}',
    })
    await server.handler(request, { native: 'the host' })
    expect(seen).toEqual([{ prompt: 'x' }, 'ann', 'POST', 'the host'])
  })
})

describe('what create refuses', () => {
  it('SSE-16: a group conflict is 409, a limit 429 with Retry-After, an id in use 409', async () => {
    const opened = gate()
    const conflict = handled({ produce: waiting, register: { group: 'chat', onConflict: 'reject' } })
    await direct(conflict).create()
    const second = await direct(conflict).create()
    expect([second.status, second.body.error?.code]).toEqual([409, 'job.conflict'])

    const full = handled({
      produce: () => opened.opened,
      managerOptions: { maxConcurrentJobs: 1, maxPendingJobs: 0 },
    })
    await direct(full).create()
    const third = await direct(full).create()
    expect([third.status, third.body.error?.code]).toEqual([429, 'capacity.pending'])
    expect(Number(third.headers.get('retry-after'))).toBeGreaterThan(0)

    const named = handled({ produce: () => opened.opened, register: { jobId: 'one' } })
    await direct(named).create()
    expect((await direct(named).create()).body.error?.code).toBe('job.exists')
    opened.open()
    await Promise.all([conflict, full, named].map(({ manager }) => manager.close()))
  })

  it('SSE-16: a draining, a closed and a store-less server are 503 with Retry-After', async () => {
    const draining = handled()
    await draining.manager.drain()
    const refused = await direct(draining).create()
    expect([refused.status, refused.body.error?.code]).toEqual([503, 'manager.closed'])
    expect(refused.headers.has('retry-after')).toBe(true)
    await draining.manager.close()
    expect((await direct(draining).status('any')).status).toBe(503)

    const { manager } = handled()
    const away = () => Promise.reject(new StoreError('create', 'is away'))
    const storeless = handled({
      manager: Object.assign(Object.create(manager), { register: away, get: away, cancel: away }) as typeof manager,
    })
    const answers = await Promise.all([
      direct(storeless).create(),
      direct(storeless).status('any'),
      direct(storeless).cancel('any'),
    ])
    expect(answers.map(({ status, body }) => [status, body.error?.code])).toEqual(
      Array.from({ length: 3 }, () => [503, 'store.failed']),
    )
    await manager.close()
  })

  it('SSE-11: SSE-16: anything unforeseen is a bare 500, logged without its content', async () => {
    const lines: unknown[] = []
    const logger = { debug() {}, info() {}, warn() {}, error: (...line: unknown[]) => void lines.push(line) }
    const secret = 'sk-secret of prompt'
    const server = handled({
      logger,
      start: () => {
        throw Object.assign(new TypeError(secret), { code: 'E_NO' })
      },
    })
    const { status, body } = await direct(server).create()
    expect(status).toBe(500)
    expect(Object.keys(body.error ?? {})).toEqual(['code', 'message'])
    expect(JSON.stringify([body, lines])).not.toContain('secret')
    expect(lines).toEqual([[{ event: 'http.failed', error_name: 'TypeError', error_code: 'E_NO' }, 'A request failed']])
  })

  it('SSE-11: an error of the library that start throws keeps its code; its text stays here', async () => {
    const server = handled({
      start: () => {
        throw new JobConflictError('job.conflict', 'the-other-job')
      },
    })
    const { status, body } = await direct(server).create()
    expect([status, body.error?.code]).toEqual([409, 'job.conflict'])
    expect(JSON.stringify(body)).not.toContain('the-other-job')
  })

  it.each([
    ['401 without identity', null, '/jobs', 'POST', 401],
    ['404 on another path', 'ann', '/job', 'POST', 404],
    ['405 on another method', 'ann', '/jobs', 'GET', 405],
    ['405 on another method of a job', 'ann', '/jobs/x', 'DELETE', 405],
    ['405 on a GET of cancel', 'ann', '/jobs/x/cancel', 'GET', 405],
  ])('SSE-10: %s', async (_, user, path, method, expected) => {
    const response = await direct(handled(), user).call(path, { method })
    expect(response.status).toBe(expected)
    expect(response.headers.get('x-generation-jobs')).toBe('1')
    if (expected === 405) expect(response.headers.get('allow')).toMatch(/^(GET|POST)$/)
    expect(await response.json()).toEqual({ error: { code: expect.any(String), message: expect.any(String) } })
  })
})
