import type { Clock } from '../protocol/clock.js'
import type { StreamTokenOptions } from './options.js'

/** Query parameter of a stream URL. */
export const STREAM_TOKEN_PARAMETER = 'token'

const ALGORITHM = { name: 'HMAC', hash: 'SHA-256' }

/**
 * Signs that whoever holds it may read the stream of one job of one owner until a point in time, and nothing else:
 * `<expiry, epoch seconds>.<signature>`. It stands in a URL, so it may end up in an access log; let it live shortly.
 */
export class StreamTokens {
  readonly #options: StreamTokenOptions
  readonly #clock: Clock
  #key: Promise<CryptoKey> | undefined

  constructor(options: StreamTokenOptions, clock: Clock) {
    this.#options = options
    this.#clock = clock
  }

  async issue(jobId: string, owner: string): Promise<string> {
    const expiresAt = Math.ceil((this.#clock.now() + this.#options.ttlMs) / 1_000)
    const signature = await crypto.subtle.sign(
      ALGORITHM,
      await this.#importedKey(),
      signedBytes(jobId, owner, expiresAt),
    )
    return `${expiresAt}.${toBase64Url(new Uint8Array(signature))}`
  }

  async verify(token: string, jobId: string, owner: string): Promise<boolean> {
    const [, seconds = '', text = ''] = /^([1-9]\d{0,11})\.([\w-]{43})$/.exec(token) ?? []
    const expiresAt = Number(seconds)
    if (text === '' || expiresAt * 1_000 <= this.#clock.now()) return false
    const signature = fromBase64Url(text)
    return crypto.subtle.verify(ALGORITHM, await this.#importedKey(), signature, signedBytes(jobId, owner, expiresAt))
  }

  #importedKey(): Promise<CryptoKey> {
    const { secret } = this.#options
    const bytes = typeof secret === 'string' ? new TextEncoder().encode(secret) : new Uint8Array(secret)
    this.#key ??= crypto.subtle.importKey('raw', bytes, ALGORITHM, false, ['sign', 'verify'])
    return this.#key
  }
}

/** As JSON, so that no two different triples give the same bytes. */
function signedBytes(jobId: string, owner: string, expiresAt: number) {
  return new TextEncoder().encode(JSON.stringify(['generation-jobs stream', jobId, owner, expiresAt]))
}

function toBase64Url(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '')
}

function fromBase64Url(text: string) {
  return Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), (character) => character.charCodeAt(0))
}
