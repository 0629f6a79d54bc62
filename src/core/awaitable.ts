/** A value, or a promise of it. */
export type Awaitable<T> = T | Promise<T>

export function isThenable<T>(value: Awaitable<T>): value is Promise<T> {
  return typeof value === 'object' && value !== null && typeof (value as Promise<T>).then === 'function'
}

/** Goes on with an answer: in this tick if it is a value, else when it comes. */
export function whenAnswered<A, R>(
  ask: () => Awaitable<A>,
  onAnswer: (answer: A) => Awaitable<R>,
  onFailure: (error: unknown) => Awaitable<R>,
): Awaitable<R> {
  let answer: Awaitable<A>
  try {
    answer = ask()
  } catch (error) {
    return onFailure(error)
  }
  return isThenable(answer) ? answer.then(onAnswer, onFailure) : onAnswer(answer)
}

/** A promise with its hands. */
export interface Deferred<T> {
  readonly promise: Promise<T>
  readonly resolve: (value: T) => void
  readonly reject: (error: unknown) => void
}

export function deferred<T>(): Deferred<T> {
  let resolve: Deferred<T>['resolve'] = () => {}
  let reject: Deferred<T>['reject'] = () => {}
  const promise = new Promise<T>((onValue, onError) => {
    resolve = onValue
    reject = onError
  })
  return { promise, resolve, reject }
}
