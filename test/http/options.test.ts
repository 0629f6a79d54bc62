import { InvalidOptionsError, MESSAGES } from 'generation-jobs'
import { createGenerationHandler } from 'generation-jobs/http'
import { describe, expect, it } from 'vitest'
import { direct } from './support/calls.js'
import { authorizeByHeader, handled, params } from './support/generation-server.js'

const { manager } = handled()
const valid = { manager, params, start: () => async () => undefined, authorize: authorizeByHeader }

describe('createGenerationHandler', () => {
  it('SEC-03: cannot be built without authorize', () => {
    const { authorize: _, ...open } = valid
    expect(() => createGenerationHandler(open as typeof valid)).toThrow(InvalidOptionsError)
    expect(() => createGenerationHandler(open as typeof valid)).toThrow(
      /authorize: expected a function; there is no open default/,
    )
  })

  it.each([
    [{ manager: {} }, 'manager'],
    [{ params: {} }, 'params'],
    [{ start: undefined }, 'start'],
    [{ basePath: 'api' }, 'basePath'],
    [{ basePath: '/api/' }, 'basePath'],
    [{ heartbeatMs: 0 }, 'heartbeatMs'],
    [{ heartbeatMs: 2 ** 31 }, 'heartbeatMs'],
    [{ heartbeatMs: Number.NaN }, 'heartbeatMs'],
    [{ maxBodyBytes: -1 }, 'maxBodyBytes'],
    [{ maxBodyBytes: Number.POSITIVE_INFINITY }, 'maxBodyBytes'],
    [{ maxViewerBufferBytes: 0.5 }, 'maxViewerBufferBytes'],
    [{ bodyTimeoutMs: '1s' }, 'bodyTimeoutMs'],
    [{ locale: 'de' }, 'locale'],
    [{ clock: {} }, 'clock'],
    [{ logger: {} }, 'logger'],
    [{ allowedOrigins: 'https://app.example' }, 'allowedOrigins'],
    [{ maxBodyByte: 1 }, 'maxBodyByte'],
  ])('REG-12: refuses %j and names it', (wrong, name) => {
    expect(() => createGenerationHandler({ ...valid, ...wrong } as never)).toThrow(InvalidOptionsError)
    expect(() => createGenerationHandler({ ...valid, ...wrong } as never)).toThrow(`options: ${name}: expected`)
  })

  it('takes words of one’s own as locale', async () => {
    const words = { ...MESSAGES.en, errors: { ...MESSAGES.en.errors, 'job.not-found': 'Nope' } }
    const server = handled({ locale: words })
    expect((await direct(server).status('x')).body.error?.message).toBe('Nope')
  })
})

describe('the base path', () => {
  const at = (server: ReturnType<typeof handled>, path: string) =>
    server.handler(
      new Request(`http://x.example${path}`, { method: 'POST', headers: { 'x-user': 'ann' }, body: '{"prompt":"x"}' }),
    )

  it.each([
    ['/api/gen', '/api/gen/jobs', '/api/gen'],
    ['/api/gen', '/api/gen/jobs/', '/api/gen'],
    ['/api/gen', '/jobs', '/api/gen'], // app.use('/api/gen', …) took it away
    ['/api/gen', '/gen/jobs', '/api/gen'], // app.use('/api', …) took it away
    ['/api/gen', '/tenant/api/gen/jobs', '/tenant/api/gen'], // a proxy in front
    ['', '/jobs', ''],
    ['/jobs', '/jobs/jobs', '/jobs'],
  ])('SSE-13: of %j takes %j, and stream_url begins with %j', async (basePath, path, base) => {
    const response = await at(handled({ basePath }), path)
    expect(response.status).toBe(201)
    const { job_id, stream_url } = await response.json()
    expect(stream_url).toBe(`${base}/jobs/${job_id}/stream`)
  })

  it.each(['/xapi/gen/jobs', '/en/jobs', '/api/jobs', '/api/gen/jobs/x/y', '/api/gen', '/api/gen/jobsx', '/'])(
    'SSE-13: %j is no route of /api/gen',
    async (path) => {
      expect([404, 405]).toContain((await at(handled({ basePath: '/api/gen' }), path)).status)
    },
  )
})
