import { AsyncResource } from 'node:async_hooks'

/** Lets a callback run later in the AsyncLocalStorage context of the one who handed it in, whoever calls it. */
export function bindToCaller<Args extends unknown[], R>(fn: (...args: Args) => R): (...args: Args) => R {
  const resource = new AsyncResource('GenerationJobsCallback', { requireManualDestroy: true })
  return (...args) => resource.runInAsyncScope(fn, undefined, ...args)
}
