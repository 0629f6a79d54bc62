import { setImmediate as macrotask } from 'node:timers/promises'

/** One way to do the work: prepares it, which is not measured, and answers the work itself. */
export type Contender = () => Work | Promise<Work>
export type Work = () => unknown

/** What each round took, milliseconds. */
export interface Taken {
  /** Processor time of the whole process, collector threads included: other programs do not disturb it. */
  readonly cpu: number[]
  readonly wall: number[]
}

/** Enough, with the settling time, for the compiler to be through with the largest contender on a busy machine. */
const WARMUPS = 3
/** As long as the collector may still be busy with what the contender before has left. */
const SETTLE_MS = 250

/**
 * Lets the contenders take turns inside this process, in an order that rotates, so that whatever else the machine does meets
 * all of them alike. Each works unmeasured for a while first, so that nobody pays for the garbage of another. No collection
 * is forced: that would shrink the young generation and throw away compiled code, which no server does (it doubled some figures).
 */
export async function alternate<Name extends string>(
  contenders: Readonly<Record<Name, Contender>>,
  options: { readonly rounds: number; readonly warmups?: number },
): Promise<Record<Name, Taken>> {
  const { rounds, warmups = WARMUPS } = options
  const names = Object.keys(contenders) as Name[]
  const taken = Object.fromEntries(names.map((name) => [name, { cpu: [], wall: [] }])) as unknown as Record<Name, Taken>
  for (let round = -warmups; round < rounds; round++) {
    const shift = (round + warmups) % names.length
    for (const name of [...names.slice(shift), ...names.slice(0, shift)]) {
      const { cpu, wall } = await once(contenders[name])
      if (round < 0) continue
      taken[name].cpu.push(cpu)
      taken[name].wall.push(wall)
    }
  }
  return taken
}

async function once(contender: Contender): Promise<{ cpu: number; wall: number }> {
  const settled = performance.now() + SETTLE_MS
  while (performance.now() < settled) await (await contender())()
  const work = await contender()
  await macrotask()
  const cpuBefore = process.cpuUsage()
  const before = performance.now()
  await work()
  const wall = performance.now() - before
  const { user, system } = process.cpuUsage(cpuBefore)
  return { cpu: (user + system) / 1_000, wall }
}
