// Two forms that are found in answers and blogs: each `next()` races the abort.

/** Adds a listener for each chunk and takes it off again. */
export async function raceListenerLoop(source: AsyncIterable<string>, signal: AbortSignal): Promise<number> {
  return loop(source, async (next) => {
    let onAbort = (): void => {}
    const aborted = new Promise<never>((_, reject) => {
      onAbort = () => reject(signal.reason)
      signal.addEventListener('abort', onAbort, { once: true })
    })
    try {
      return await Promise.race([next, aborted])
    } finally {
      signal.removeEventListener('abort', onAbort)
    }
  })
}

/** One promise of the abort for the whole job. Each race leaves a reaction on it until the job ends. */
export async function raceSharedLoop(source: AsyncIterable<string>, signal: AbortSignal): Promise<number> {
  const aborted = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
  })
  return loop(source, (next) => Promise.race([next, aborted]))
}

type Result = IteratorResult<string, unknown>

async function loop(source: AsyncIterable<string>, raced: (next: Promise<Result>) => Promise<Result>): Promise<number> {
  const iterator = source[Symbol.asyncIterator]()
  let characters = 0
  for (;;) {
    const result = await raced(iterator.next())
    if (result.done) return characters
    characters += result.value.length
  }
}
