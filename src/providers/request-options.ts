import { InvalidOptionsError, show } from '../core/errors.js'

/** What each SDK takes beside the body of a request. */
export interface RequestOptions {
  readonly signal?: AbortSignal
}

/** The body of a request as a method of an SDK's client declares it; of overloads the last, which is the general one. */
export type BodyOf<Method> = Method extends (body: infer Body, ...rest: never) => unknown ? Body : never

/** @throws {InvalidOptionsError} when the client or the parameters cannot be used */
export function checkCall(what: string, client: unknown, path: readonly string[], params: unknown): void {
  let at = client
  for (const key of path) at = typeof at === 'object' && at !== null ? Reflect.get(at, key) : undefined
  if (typeof at !== 'function') {
    throw new InvalidOptionsError(`${what}: expected a client with ${path.join('.')}(), got ${show(client)}.`)
  }
  if (typeof params !== 'object' || params === null) {
    throw new InvalidOptionsError(`${what}: expected params to be an object, got ${show(params)}.`)
  }
}
