/** A model provider said no, or said something that cannot be read. It carries no body, no header and no key. */
export class ProviderError extends Error {
  override readonly name = 'ProviderError'
  readonly code: string
  readonly status: number | undefined

  constructor(code: string, status?: number) {
    super(status === undefined ? code : `HTTP ${status}`)
    this.code = code
    this.status = status
  }
}

/** The error for an answer that is no stream. */
export function errorForStatus(status: number): ProviderError {
  if (status === 401 || status === 403) return new ProviderError('provider.unauthorized', status)
  if (status === 429) return new ProviderError('provider.rate-limited', status)
  if (status >= 500 || status === 408) return new ProviderError('provider.unavailable', status)
  return new ProviderError('provider.refused', status)
}
