import type {
  GenerationJobManager,
  JobHandle,
  Producer,
  ProducerEvent,
  RegisterOptions,
  RunContext,
} from 'generation-jobs'

/** Hears what no record tells: when a producer ended, and when each cleanup began and ended. */
export interface ReleaseListener {
  producerEnded(jobId: string): void
  /** Answers what to call at the cleanup's end. */
  cleanupStarted(jobId: string, label: string | undefined): () => void
}

/** Listens to the producers that are registered from now on, as the tracing of `generation-jobs/otel` does. Answers its end. */
export function probeReleases(manager: GenerationJobManager, listener: ReleaseListener): () => void {
  const register = manager.register.bind(manager)
  async function probedRegister<T>(producer: Producer<T>, options?: RegisterOptions): Promise<JobHandle<T>> {
    return register(typeof producer === 'function' ? probed(producer, listener) : producer, options)
  }
  manager.register = probedRegister
  return () => {
    if (manager.register === probedRegister) Reflect.deleteProperty(manager, 'register')
  }
}

function probed<T>(producer: Producer<T>, listener: ReleaseListener): Producer<T> {
  const withProbe = (run: RunContext): ReturnType<Producer<T>> => {
    const { jobId } = run
    const ended = once(() => listener.producerEnded(jobId))
    let output: ReturnType<Producer<T>>
    try {
      output = producer(withTimedCleanups(run, listener))
    } catch (error) {
      ended()
      throw error
    }
    if (isGenerator<T>(output)) return withHeardEnd(output, ended)
    void Promise.resolve(output).then(ended, ended)
    return output
  }
  return withProbe as Producer<T>
}

/** The same run, whose cleanups are heard. */
function withTimedCleanups(run: RunContext, listener: ReleaseListener): RunContext {
  const defer: RunContext['defer'] = (cleanup, label) => {
    if (typeof cleanup !== 'function') return run.defer(cleanup, label) // which refuses it
    run.defer((end) => {
      const ended = listener.cleanupStarted(run.jobId, label)
      let result: ReturnType<typeof cleanup>
      try {
        result = cleanup(end)
      } catch (error) {
        ended()
        throw error
      }
      if (result === undefined) ended()
      else void Promise.resolve(result).then(ended, ended)
      return result
    }, label)
  }
  return new Proxy(run, {
    get(target, key) {
      if (key === 'defer') return defer
      const value: unknown = Reflect.get(target, key, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}

function isGenerator<T>(output: ReturnType<Producer<T>>): output is AsyncGenerator<ProducerEvent, T, void> {
  return typeof output === 'object' && output !== null && Symbol.asyncIterator in output
}

function withHeardEnd<T>(
  generator: AsyncGenerator<ProducerEvent, T, void>,
  ended: () => void,
): AsyncGenerator<ProducerEvent, T, void> {
  const heard = async (step: Promise<IteratorResult<ProducerEvent, T>>): Promise<IteratorResult<ProducerEvent, T>> => {
    try {
      const result = await step
      if (result.done) ended()
      return result
    } catch (error) {
      ended()
      throw error
    }
  }
  return {
    next: () => heard(generator.next()),
    return: (value: T | PromiseLike<T>) => heard(generator.return(value)),
    throw: (error: unknown) => heard(generator.throw(error)),
    [Symbol.asyncIterator]() {
      return this
    },
  } as AsyncGenerator<ProducerEvent, T, void>
}

function once(call: () => void): () => void {
  let isCalled = false
  return () => {
    if (!isCalled) call()
    isCalled = true
  }
}
