import { Session } from 'node:inspector/promises'

/** How often each function of src/ (without the virtual clock) is called by the work, by `file:function`. Counted by the engine, so nothing else on the machine disturbs it. */
async function callsOf(work: () => Promise<unknown>): Promise<Map<string, number>> {
  const session = new Session()
  session.connect()
  try {
    await session.post('Profiler.enable')
    await session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: false })
    await work()
    const { result } = await session.post('Profiler.takePreciseCoverage')
    const calls = new Map<string, number>()
    for (const { url, functions } of result) {
      const [, file] = /\/src\/(?!testing)(.+?)(?:\?|$)/.exec(url) ?? []
      if (file === undefined) continue
      for (const { functionName, ranges } of functions) {
        if (functionName === '') continue // what the test runner makes of imports
        const name = `${file}:${functionName}`
        calls.set(name, (calls.get(name) ?? 0) + (ranges[0]?.count ?? 0))
      }
    }
    return calls
  } finally {
    await session.post('Profiler.stopPreciseCoverage')
    session.disconnect()
  }
}

/**
 * How often each named function of src/ is called for one more chunk, without those that are called less than once in a hundred.
 * `work` is given a number of chunks; what it costs once, whatever the number, cancels out.
 */
export async function callsPerChunk(work: (chunks: number) => Promise<unknown>): Promise<Map<string, number>> {
  await work(SOME) // what is made on first use
  const some = await callsOf(() => work(SOME))
  const more = await callsOf(() => work(SOME + MORE))
  const each = [...more].map(([name, count]) => [name, (count - (some.get(name) ?? 0)) / MORE] as const)
  return new Map(each.filter(([, count]) => count >= 0.01))
}

const SOME = 100
const MORE = 1_000
