import { isGenerationJobError } from 'generation-jobs'
import { fromAiSdk, ProviderError } from 'generation-jobs/providers'
import { describe, expect, it } from 'vitest'
import { readModel } from './support/read-source.js'

/** What a source fails with when its SDK throws this. */
async function failure(error: unknown): Promise<unknown> {
  return (await readModel(fromAiSdk(() => Promise.reject(error)))).error
}

const error = (fields: object) => Object.assign(new Error('a secret'), fields)

describe('the code of a provider error', () => {
  it.each([
    ['a status', error({ status: 429 }), 'provider.rate-limited', 429],
    ['a status by another name', error({ statusCode: 401 }), 'provider.unauthorized', 401],
    ['the last error of a retry', error({ lastError: error({ statusCode: 529 }) }), 'provider.unavailable', 529],
    ['a cause', error({ cause: error({ status: 404 }) }), 'provider.refused', 404],
    ['a status that is no fault', error({ status: 200, code: 'ECONNRESET' }), 'provider.unavailable', undefined],
  ])('comes from %s', async (_, thrown, code, status) => {
    expect(await failure(thrown)).toMatchObject({ code, status, cause: thrown })
  })

  it.each([
    ['ECONNREFUSED', error({ cause: error({ code: 'ECONNREFUSED' }) })],
    ['ENOTFOUND', error({ code: 'ENOTFOUND' })],
    ['ETIMEDOUT', error({ code: 'ETIMEDOUT' })],
    ['a socket error of undici', error({ code: 'UND_ERR_SOCKET' })],
    ['a stream that closed early', error({ code: 'ERR_STREAM_PREMATURE_CLOSE' })],
    ['a TimeoutError', new DOMException('slow', 'TimeoutError')],
    ['what fetch says', new TypeError('fetch failed')],
  ])('is provider.unavailable for %s', async (_, thrown) => {
    expect(await failure(thrown)).toMatchObject({ code: 'provider.unavailable', status: undefined })
  })

  it.each([
    ['authentication_error', 'provider.unauthorized'],
    ['rate_limit_exceeded', 'provider.rate-limited'],
    ['overloaded_error', 'provider.unavailable'],
    ['context_length_exceeded', 'provider.refused'],
    ['something_new', 'provider.failed'],
    ['constructor', 'provider.failed'],
  ])('is told by the type %s where no status is', async (type, code) => {
    expect(await failure(error({ type }))).toMatchObject({ code })
    expect(await failure(error({ error: { error: { code: type } } }))).toMatchObject({ code })
  })

  it.each([
    ['nothing', undefined],
    ['a string', 'a secret'],
    ['an error without an end', circular()],
    ['an error that throws', hostile()],
  ])('is provider.failed for %s', async (_, thrown) => {
    const failed = await failure(thrown)
    expect(failed).toMatchObject({ code: 'provider.failed' })
    expect(String(failed)).not.toContain('secret')
  })
})

describe('a provider error', () => {
  it("is an error of this library, with the SDK's own as its cause", async () => {
    const thrown = error({ status: 500, headers: { authorization: 'a secret' } })
    const failed = await failure(thrown)
    expect(failed).toBeInstanceOf(ProviderError)
    expect(isGenerationJobError(failed)).toBe(true)
    expect(failed).toMatchObject({ name: 'ProviderError', cause: thrown })
    expect(`${JSON.stringify(failed)} ${(failed as Error).stack}`).not.toContain('secret')
  })
})

function circular(): Error {
  const thrown = error({})
  return Object.assign(thrown, { cause: thrown })
}

function hostile(): object {
  return {
    get status() {
      throw new Error('a secret')
    },
  }
}
