import { AsyncResource } from 'node:async_hooks'

const NO_DESTROY_HOOK = { requireManualDestroy: true }

/** The AsyncLocalStorage context of whoever makes it: `runInAsyncScope` calls a function in it later, whoever asks for that. */
export class CallerContext extends AsyncResource {
  constructor() {
    super('GenerationJobsCallback', NO_DESTROY_HOOK)
  }
}

/** A callback that runs in the context of the one who handed it in. One object: a bound closure is three, and 0.1 kB more. */
export class CallerCallback<Argument> extends CallerContext {
  readonly #fn: (argument: Argument) => unknown

  constructor(fn: (argument: Argument) => unknown) {
    super()
    this.#fn = fn
  }

  call(argument: Argument): unknown {
    return this.runInAsyncScope(this.#fn, undefined, argument)
  }
}
