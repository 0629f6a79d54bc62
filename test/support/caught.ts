/**
 * The error that a promise rejects with.
 * @throws {Error} when it resolves
 */
export async function rejection(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise
  } catch (error) {
    return error
  }
  throw new Error('expected a rejection, but the promise resolved')
}

/**
 * What a function throws.
 * @throws {Error} when it returns
 */
export function thrownBy(fn: () => unknown): unknown {
  try {
    fn()
  } catch (error) {
    return error
  }
  throw new Error('expected a throw, but the function returned')
}
