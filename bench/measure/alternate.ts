import { setImmediate as macrotask } from 'node:timers/promises'

/** One way to do the work: prepares it, which is not measured, and answers the work itself. */
export type Contender = () => Work | Promise<Work>
export type Work = () => unknown

/** What one unit of the work took in each round, milliseconds. */
export interface Taken {
  /** Processor time of the whole process, collector threads included: other programs do not disturb it. */
  readonly cpu: number[]
  readonly wall: number[]
}

export interface AlternateOptions<Name extends string> {
  readonly rounds: number
  /** Chunks or jobs in one work. Slow contenders may do fewer: what is compared is one unit. */
  readonly units: number | Readonly<Record<NoInfer<Name>, number>>
  readonly warmups?: number
  /** A contender works unmeasured for as long before each measured work, so that nobody pays for the garbage of another. */
  readonly settleMs?: number
}

/** Enough, with the settling time, for the compiler to be through with the largest contender on a busy machine. */
const WARMUPS = 3
/** As long as the collector may still be busy with what the contender before has left. */
const SETTLE_MS = 250

/**
 * Lets the contenders take turns inside this process, in an order that rotates, so that whatever else the machine does meets
 * all of them alike. No collection is forced: that would shrink the young generation and throw away compiled code, which no
 * server does (it doubled some figures).
 */
export async function alternate<Name extends string>(
  contenders: Readonly<Record<Name, Contender>>,
  { rounds, units, warmups = WARMUPS, settleMs = SETTLE_MS }: AlternateOptions<Name>,
): Promise<Record<Name, Taken>> {
  const names = Object.keys(contenders) as Name[]
  const taken = Object.fromEntries(names.map((name) => [name, { cpu: [], wall: [] }])) as unknown as Record<Name, Taken>
  for (let round = -warmups; round < rounds; round++) {
    const shift = (round + warmups) % names.length
    for (const name of [...names.slice(shift), ...names.slice(0, shift)]) {
      await settle(contenders[name], settleMs)
      const { cpu, wall } = await measured(contenders[name])
      if (round < 0) continue
      const count = typeof units === 'number' ? units : units[name]
      taken[name].cpu.push(cpu / count)
      taken[name].wall.push(wall / count)
    }
  }
  return taken
}

async function settle(contender: Contender, settleMs: number): Promise<void> {
  const settled = performance.now() + settleMs
  while (performance.now() < settled) await (await contender())()
}

async function measured(contender: Contender): Promise<{ cpu: number; wall: number }> {
  const work = await contender()
  await macrotask()
  const cpuBefore = process.cpuUsage()
  const before = performance.now()
  await work()
  const wall = performance.now() - before
  const { user, system } = process.cpuUsage(cpuBefore)
  return { cpu: (user + system) / 1_000, wall }
}
