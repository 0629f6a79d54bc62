import { createHook } from 'node:async_hooks'

/** How many promises are made, by anybody in this thread, until the one that `work` answers has settled. */
async function promisesOf(work: () => Promise<unknown>): Promise<number> {
  let count = 0
  const hook = createHook({
    init(_, type) {
      if (type === 'PROMISE') count++
    },
  })
  hook.enable()
  try {
    await work()
  } finally {
    hook.disable()
  }
  return count
}

/**
 * How many promises one more chunk costs. `work` is given a number of chunks; what it costs once, whatever the number, cancels out.
 */
export async function promisesPerChunk(work: (chunks: number) => Promise<unknown>): Promise<number> {
  await promisesOf(() => work(SOME)) // whatever is made on first use
  const some = await promisesOf(() => work(SOME))
  const more = await promisesOf(() => work(SOME + MORE))
  return (more - some) / MORE
}

const SOME = 100
const MORE = 1_000
